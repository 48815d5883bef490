import { useEffect, useState } from "preact/hooks";
import { address, ask } from "./connection";
import { Curves, type Line } from "./curves";
import type { Design, Diagnosis, DesignMessage, Frame, Lesson, Run, Send } from "./types";

export function Findings(props: { diagnosis: Diagnosis | null; busy: boolean; frame: Frame; kept: string[]; tries: boolean; send: Send }) {
  const { diagnosis, frame, send } = props;
  return (
    <div class="findings" aria-live="polite">
      <div class="picker">
        <button onClick={() => send({ do: "diagnose" })} disabled={props.busy || frame.epoch === 0}>
          {props.busy ? "Looking…" : "Diagnose now"}
        </button>
        <span class="soft">
          {diagnosis ? diagnosis.summary : frame.epoch === 0 ? "Train an epoch first." : "Runs at every pause, beside the training."}
        </span>
      </div>
      {frame.rival && (
        <div class="finding trying">
          <b>Trying: {frame.rival.changes.join("; ")}</b>
          <p>A second network trains beside this one (dashed curves), now at epoch {frame.rival.epoch}.</p>
          <button onClick={() => send({ do: "keep" })}>Keep it</button> <button onClick={() => send({ do: "drop" })}>Drop it</button>
        </div>
      )}
      {props.kept.length > 0 && <p class="soft">Kept: {props.kept.join("; ")}</p>}
      {diagnosis?.findings.length === 0 && <p>Nothing found.</p>}
      {diagnosis?.findings.map((finding) => (
        <div class={`finding ${finding.severity}`} key={finding.name + finding.where}>
          <b>
            {finding.severity}: {finding.name.replaceAll("_", " ")}
          </b>{" "}
          <span class="soft">{finding.where}</span>
          <p>{finding.message}</p>
          <p class="soft">
            {Object.entries(finding.measured).map(([k, v]) => `${k.replaceAll("_", " ")} ${v === null ? "not finite" : +v.toPrecision(3)}`).join(", ")}
          </p>
          <p>What to do: {finding.remedy}</p>
          {finding.tries && props.tries && <button onClick={() => send({ do: "try", finding: finding.name })}>Try the remedy</button>}
        </div>
      ))}
    </div>
  );
}

function measured(reads: string, frame: Frame): string {
  const last = frame.curve[frame.curve.length - 1];
  const columns = ["epoch", "loss", "held_loss", "accuracy", "held_accuracy"];
  const [first, second] = reads.split(" ");
  let value: number | null | undefined;
  if (reads === "mistakes" || reads === "held_mistakes") value = frame[reads];
  else if (first === "time") {
    const row = frame.look?.rows?.find((r) => r.name === reads.slice(5));
    value = row?.values[frame.look?.unit ?? 0]?.[frame.look?.step ?? 0];
  } else if (first === "look") {
    const name = second === "w" ? "W" : second;
    const found = frame.look?.[name as "z" | "gradient"];
    value = typeof found === "object" ? found[(name.endsWith("W") ? frame.look?.input : frame.look?.unit) ?? 0] : found;
  } else if (second) value = frame.layers.find((l) => l.name === first)?.[second as "z"];
  else value = last?.[columns.indexOf(first)];
  return value === null || value === undefined ? "not known yet" : String(+value.toPrecision(4));
}

export function Lessons(props: { lessons: Lesson[]; frame: Frame; design: Design; send: Send }) {
  const [name, setName] = useState(sessionStorage.getItem("lesson") ?? props.lessons[0].name);
  const [at, setAt] = useState(Number(sessionStorage.getItem("step") ?? 0));
  const lesson = props.lessons.find((l) => l.name === name) ?? props.lessons[0];
  const step = lesson.steps[Math.min(at, lesson.steps.length - 1)];
  const go = (lessonName: string, to: number) => {
    setName(lessonName);
    setAt(to);
    sessionStorage.setItem("lesson", lessonName);
    sessionStorage.setItem("step", String(to));
  };
  // A step without a network of its own goes on with that of the step before.
  const setup = lesson.steps.slice(0, at + 1).reverse().find((s) => s.setup)?.setup ?? {};
  const loaded = Object.entries(setup).every(([k, v]) => typeof v === "object" || props.design[k as keyof Design] === v)
    && (setup.layers?.length ?? 0) === (props.design.layers?.length ?? 0);
  const load = () => {
    const { select, ...setup } = step.setup!;
    props.send({ do: "design", design: setup });
    if (select) props.send({ do: "select", ...select });
  };
  return (
    <div class="lesson">
      <label class="row wide">
        <span class="sr">Lesson</span>
        <select value={lesson.name} onChange={(e) => go(e.currentTarget.value, 0)}>
          {props.lessons.map((l) => <option value={l.name} selected={l.name === lesson.name}>{l.title}</option>)}
        </select>
      </label>
      <p class="soft">{lesson.source}</p>
      <h3>
        {at + 1} of {lesson.steps.length}: {step.title}
      </h3>
      <p>{step.text}</p>
      {step.setup && <button class="main" onClick={load}>Load this network</button>}
      <dl>
        <dt>To be seen</dt>
        <dd>{step.expected}</dd>
        <dt>Here ({step.reads.replace("_", " ").replace("time ", "")})</dt>
        <dd class="here">{loaded ? measured(step.reads, props.frame) : "load the network first"}</dd>
      </dl>
      <div class="picker">
        <button disabled={at === 0} onClick={() => go(lesson.name, at - 1)}>Back</button>
        <button disabled={at >= lesson.steps.length - 1} onClick={() => go(lesson.name, at + 1)}>Next</button>
      </div>
    </div>
  );
}

// A file that may be refused, which a plain link could not say.
async function download(path: string, refused: (said: string) => void) {
  const answer = await fetch(address(path), { method: "POST" });
  if (!answer.ok) return refused((await answer.json()).error);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = /filename="([^"]+)"/.exec(answer.headers.get("content-disposition") ?? "")?.[1] ?? "events";
  link.click();
  URL.revokeObjectURL(link.href);
}

const COLOURS = ["--c0", "--c1", "--c2", "--c3", "--c4", "--c5"];

// "20261127-101205-2": the second of that moment.
const when = (id: string) => id.replace(/^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)/, "$1-$2-$3 $4:$5:$6");

// Layers in a line, such as "2 dense 8 tanh, flatten"; the same ones in a row are counted.
function summary(design: Design): string {
  if (!design.layers) return "given";
  const said = design.layers.map((l) => l.code ?? [l.kind.replace("_", " "), l.units ?? l.filters ?? "", l.activation ?? ""].join(" ").trim());
  const groups: [string, number][] = [];
  for (const one of said) {
    const last = groups[groups.length - 1];
    if (last?.[0] === one) last[1] += 1;
    else groups.push([one, 1]);
  }
  return groups.map(([one, n]) => (n > 1 ? `${n} × ${one}` : one)).join(", ") || "no hidden layer";
}

export function Runs(props: { saved: number; theme: string; send: Send }) {
  const [runs, setRuns] = useState<Run[] | null>(null);
  const [chosen, setChosen] = useState<string[]>([]);
  const [fault, setFault] = useState("");
  const refresh = () => ask<Run[]>("/api/runs").then(setRuns, (error) => setFault(String(error.message)));
  useEffect(() => void refresh(), [props.saved]);
  if (runs === null) return <p class="soft">{fault || "Reading…"}</p>;
  const lines: Line[] = runs
    .filter((run) => chosen.includes(run.id))
    .map((run, i) => ({ label: `${run.title}, ${when(run.id)}`, colour: COLOURS[i % COLOURS.length], points: run.curve, column: 2 }));
  return (
    <div class="runs">
      <div class="picker">
        <button onClick={() => props.send({ do: "save" })}>Save this run</button>
        <span class="soft">{runs.length ? "Choose runs to compare." : "No run is saved yet."}</span>
      </div>
      {lines.length > 0 && <Curves lines={lines} label="Held-out loss" theme={props.theme} height={170} logarithmic />}
      {runs.length > 0 && (
        <table>
          <thead>
            <tr>{["", "run", "epochs", "loss", "held out", "accuracy"].map((h) => <th scope="col">{h || <span class="sr">choose</span>}</th>)}</tr>
          </thead>
          {runs.map((run) => (
            <tbody key={run.id}>
              <tr>
                <td rowSpan={2}>
                  <input type="checkbox" aria-label={`Compare ${run.id}`} checked={chosen.includes(run.id)}
                    onChange={(e) => setChosen(e.currentTarget.checked ? [...chosen, run.id] : chosen.filter((c) => c !== run.id))} />
                </td>
                <td><b>{run.title}</b> <span class="soft">{when(run.id)}</span></td>
                <td>{run.epochs.toLocaleString("en")}</td>
                {[1, 2, 4].map((k) => <td>{run.point[k] === null ? "" : +run.point[k]!.toPrecision(3)}</td>)}
              </tr>
              <tr>
                <td colSpan={5}>
                  <div class="deeds">
                    <span class="soft">{summary(run.design)}; {run.design.optimizer}, {run.design.learning_rate}{run.changes.length ? `; ${run.changes.join("; ")}` : ""}</span>
                    <button aria-label={`Open ${run.id}`} title="Set up this network and training again" onClick={() => props.send({ do: "design", design: run.design })}>Open</button>
                    <a href={address(`/api/runs/${run.id}`)} download title="The model file, for netgrad.load">Model file</a>
                    <button onClick={() => download(`/api/runs/${run.id}/tensorboard`, (e) => setFault(e))}
                      title="Event file for TensorBoard" aria-label={`${run.id} for TensorBoard`}>TensorBoard</button>
                    <button onClick={() => ask(`/api/runs/${run.id}`, "DELETE").then(refresh, (e) => setFault(String(e.message)))}
                      aria-label={`Delete ${run.id}`}>Delete</button>
                  </div>
                </td>
              </tr>
            </tbody>
          ))}
        </table>
      )}
      {fault && <p role="alert">{fault}</p>}
    </div>
  );
}

export function Code({ made }: { made: DesignMessage }) {
  return (
    <div class="code">
      {made.code ? (
        <>
          <div class="picker">
            <b>Python</b>
            <button onClick={() => void navigator.clipboard.writeText(made.code)}>Copy</button>
          </div>
          <pre tabindex={0}>{made.code}</pre>
        </>
      ) : (
        <p class="soft">This network has parts that cannot be written in a few lines of Python.</p>
      )}
      <div class="picker">
        <b>Command line</b>
        {made.command && <button onClick={() => void navigator.clipboard.writeText(made.command)}>Copy</button>}
        {made.command && made.code && <a href={address(`/api/data/${made.design.data}.csv`)} download={`${made.design.data}.csv`}>The data as CSV</a>}
      </div>
      {made.command ? <pre tabindex={0}>{made.command}</pre> : <p class="soft">netgrad fit makes rows of dense layers of one activation, on files: this network is another.</p>}
    </div>
  );
}

// A training of a script or a notebook: what it was asked for.
export function Own({ made }: { made: DesignMessage }) {
  return (
    <div class="own">
      <p>This network is trained by a program of yours. Here it can be held, looked into, diagnosed and saved; what it is and how it learns is changed there.</p>
      <dl>
        {Object.entries(made.settings ?? {}).map(([name, value]) => [<dt>{name.replaceAll("_", " ")}</dt>, <dd>{value}</dd>])}
      </dl>
    </div>
  );
}
