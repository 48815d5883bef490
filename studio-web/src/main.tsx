import { render } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Build } from "./build";
import { ask, connect } from "./connection";
import { Curves, type Line } from "./curves";
import { LookInside, Sizes } from "./look";
import { NetworkDrawing } from "./network";
import { Code, Findings, Lessons, Own, Runs } from "./panels";
import "./style.css";
import type { DesignMessage, Diagnosis, Frame, Offered, Send } from "./types";
import { Answers } from "./views";

const SPEEDS: [number, string][] = [[1, "1 step a second"], [5, "5 steps a second"], [25, "25 steps a second"], [100, "100 steps a second"], [0, "full speed"]];
const TABS = ["Look inside", "Layers", "Diagnosis", "Runs", "Code"] as const;

function App() {
  const [offered, setOffered] = useState<Offered | null>(null);
  const [made, setMade] = useState<DesignMessage | null>(null);
  const [frame, setFrame] = useState<Frame | null>(null);
  const [diagnosis, setDiagnosis] = useState<Diagnosis | null>(null);
  const [busy, setBusy] = useState(false);
  const [kept, setKept] = useState<string[]>([]);
  const [said, setSaid] = useState("");
  const [saved, setSaved] = useState(0);
  const [open, setOpen] = useState(true);
  const [refused, setRefused] = useState("");
  const [fault, setFault] = useState("");
  const [tab, setTab] = useState<(typeof TABS)[number]>("Look inside");
  const [side, setSide] = useState<"Lessons" | "Build">("Lessons");
  const [theme, setTheme] = useState(() => localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"));
  const send = useRef<Send>(() => undefined);

  document.documentElement.dataset.theme = theme; // before the children's effects, which read the colours
  useEffect(() => localStorage.setItem("theme", theme), [theme]);

  useEffect(() => {
    ask<Offered>("/api/offered").then(setOffered, (error) => setFault(String(error.message)));
    send.current = connect((message) => {
      switch (message.kind) {
        case "design":
          setMade(message as unknown as DesignMessage);
          setDiagnosis(null);
          setKept([]);
          setSaid("");
          setBusy(false);
          break;
        case "drawing":
          setMade((before) => before && { ...before, drawing: message.drawing as DesignMessage["drawing"] });
          break;
        case "frame":
          setFrame(message as unknown as Frame);
          break;
        case "diagnosing":
          setBusy(true);
          break;
        case "diagnosis":
          setBusy(false);
          setDiagnosis(message as unknown as Diagnosis);
          break;
        case "kept":
          setKept(message.changes as string[]);
          setDiagnosis(null);
          break;
        case "saved":
          setSaved((n) => n + 1);
          setSaid(`saved as ${message.id}`);
          break;
        default: // "said" and "refused"
          setBusy(false);
          setSaid(String(message.message));
      }
    }, (open, refused) => {
      setOpen(open);
      setRefused(refused);
    });
  }, []);

  const tell: Send = (command) => {
    setSaid("");
    send.current(command);
  };

  if (fault) return <main class="alone"><h1>netgrad studio</h1><p role="alert">{fault}</p></main>;
  if (!offered || !made || !frame) return <main class="alone"><h1>netgrad studio</h1><p>Starting the process that trains…</p></main>;

  const lit = diagnosis ? made.drawing.map((node) => node.name).filter((name) => diagnosis.findings.some((f) => f.severity !== "note" && f.where.includes(name))) : [];
  const lines = (column: number, name: string): Line[] => [
    { label: name, colour: "--c0", points: frame.curve, column },
    ...(made.data.held ? [{ label: "held out", colour: "--c1", points: frame.curve, column: column + 1 }] : []),
    ...(frame.rival ? [
      { label: "with remedy", colour: "--c2", points: frame.rival.curve, column, dash: [6, 4] },
      ...(made.data.held ? [{ label: "its held out", colour: "--c3", points: frame.rival.curve, column: column + 1, dash: [6, 4] }] : []),
    ] : []),
  ];
  const serious = diagnosis?.findings.filter((f) => f.severity !== "note").length ?? 0;

  return (
    <>
      <header>
        <h1>netgrad <span>studio</span></h1>
        <div class="controls" role="toolbar" aria-label="Training">
          <button class="main" onClick={() => tell({ do: frame.playing ? "pause" : "play" })}>{frame.playing ? "❚❚ Pause" : "▶ Play"}</button>
          <button onClick={() => tell({ do: "step" })}>Step</button>
          <button onClick={() => tell({ do: "epoch" })}>Epoch</button>
          {!offered.live && <button onClick={() => tell({ do: "reset" })}>Reset</button>}
          {!offered.live && <select aria-label="Speed" value={String(frame.speed)} onChange={(e) => tell({ do: "speed", speed: Number(e.currentTarget.value) })}>
            {SPEEDS.map(([value, text]) => <option value={String(value)} selected={value === frame.speed}>{text}</option>)}
          </select>}
          {frame.rate !== null && (
            <label>rate
              <input type="number" class="rate" step="any" min="0" value={frame.rate} onChange={(e) => tell({ do: "rate", rate: Number(e.currentTarget.value) })} />
            </label>
          )}
        </div>
        <output class="where">epoch <b>{frame.epoch.toLocaleString("en")}</b>, batch {frame.batch}/{frame.batches}</output>
        <button class="theme" onClick={() => setTheme(theme === "dark" ? "light" : "dark")}>{theme === "dark" ? "Light" : "Dark"}</button>
      </header>
      {(said || !open) && <div class="said" role="status">{open ? said : refused
        ? "Another netgrad studio runs here now, and this page has not its token: open the address that it printed."
        : "The connection to netgrad is closed: waiting for it to come back. If it was ended, start it again."}</div>}
      <main>
        <aside aria-label="Lessons and network" tabindex={0}>
          <div class="tabs" role="tablist">
            {offered.live ? <button role="tab" aria-selected="true">Your training</button> : (offered.given || !Object.keys(offered.data).length ? (["Build"] as const) : (["Lessons", "Build"] as const)).map((name) => (
              <button role="tab" aria-selected={side === name || offered.given || !Object.keys(offered.data).length} onClick={() => setSide(name)}>{name}</button>
            ))}
          </div>
          {offered.live ? <Own made={made} /> : side === "Lessons" && Object.keys(offered.data).length > 0 ? <Lessons lessons={offered.lessons} frame={frame} design={made.design} send={tell} /> : <Build made={made} offered={offered} send={tell} />}
        </aside>
        <section class="middle" aria-label="Network">
          <NetworkDrawing drawing={made.drawing} frame={frame} send={tell} lit={lit} />
          <div class="tabs" role="tablist">
            {TABS.map((name) => (
              <button role="tab" aria-selected={tab === name} onClick={() => setTab(name)}>
                {name}
                {name === "Diagnosis" && (busy ? " …" : serious ? ` (${serious})` : "")}
              </button>
            ))}
          </div>
          <div class="panel" role="tabpanel" tabindex={0} aria-label={tab}>
            {tab === "Look inside" && <LookInside frame={frame} send={tell} />}
            {tab === "Layers" && <Sizes layers={frame.layers} lit={lit} />}
            {tab === "Diagnosis" && <Findings diagnosis={diagnosis} busy={busy} frame={frame} kept={kept} tries={!offered.live} send={tell} />}
            {tab === "Runs" && <Runs saved={saved} theme={theme} send={tell} />}
            {tab === "Code" && <Code made={made} />}
          </div>
        </section>
        <section class="answers" aria-label="Results" tabindex={0}>
          <h2>{made.data.title} <span class="soft">{made.data.examples} examples{made.data.held > 0 && `, ${made.data.held} held out`}</span></h2>
          <Answers frame={frame} data={made.data} theme={theme} />
          <Curves lines={lines(1, "loss")} label="Loss" theme={theme} logarithmic />
          {made.data.classes.length > 0 && <Curves lines={lines(3, "accuracy")} label="Accuracy" theme={theme} />}
        </section>
      </main>
    </>
  );
}

render(<App />, document.getElementById("app")!);
