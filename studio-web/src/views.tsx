import { useEffect, useRef } from "preact/hooks";
import type { Frame, Shown } from "./types";

// Class colours that are told apart by people who do not see red and green apart, too.
export const CLASSES = [
  [37, 99, 235],
  [217, 119, 6],
  [5, 150, 105],
  [190, 24, 93],
  [109, 40, 217],
  [100, 116, 139],
];

function paint(canvas: HTMLCanvasElement, size: number, draw: (c: CanvasRenderingContext2D) => void) {
  const scale = devicePixelRatio || 1;
  canvas.width = canvas.height = size * scale;
  const c = canvas.getContext("2d")!;
  c.scale(scale, scale);
  draw(c);
}

// The answers over two inputs, and the examples on them.
// Where quantities change colour: half way between the least and the largest target.
function middle(data: Shown): [number, number] {
  const ys = data.points?.y ?? [0, 1];
  const low = ys.reduce((a, b) => Math.min(a, b), Infinity);
  const high = ys.reduce((a, b) => Math.max(a, b), -Infinity);
  return [(low + high) / 2, high - low || 1];
}

function Field({ frame, data, theme }: { frame: Frame; data: Shown; theme: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const size = 320;
  const [half, span] = middle(data);
  useEffect(() => {
    const field = frame.field;
    if (!canvas.current || !field) return;
    paint(canvas.current, size, (c) => {
      const count = (field.best ?? field.value)!.length;
      const n = Math.round(Math.sqrt(count));
      const image = new ImageData(n, n);
      const paper = theme === "dark" ? 24 : 255;
      for (let i = 0; i < count; i++) {
        let rgb: number[];
        let strength: number;
        if (field.best) {
          const chance = 1 / Math.max(2, data.classes.length);
          rgb = CLASSES[field.best[i] % CLASSES.length];
          strength = 0.12 + (0.5 * (field.sure![i] - chance)) / (1 - chance);
        } else {
          rgb = field.value![i] > half ? CLASSES[0] : CLASSES[1];
          strength = Math.min(0.8, (Math.abs(field.value![i] - half) * 1.6) / span);
        }
        for (let k = 0; k < 3; k++) image.data[4 * i + k] = paper + strength * (rgb[k] - paper);
        image.data[4 * i + 3] = 255;
      }
      const small = document.createElement("canvas");
      small.width = small.height = n;
      small.getContext("2d")!.putImageData(image, 0, 0);
      c.imageSmoothingEnabled = true;
      c.drawImage(small, 0, 0, size, size);
      const at = (v: number) => ((v - field.low) / (field.high - field.low)) * size;
      for (const [points, hollow] of [[data.points, false], [data.held_points, true]] as const) {
        points?.x.forEach((x, i) => {
          const rgb = data.classes.length ? CLASSES[points.y[i] % CLASSES.length] : CLASSES[points.y[i] > half ? 0 : 1];
          c.beginPath();
          c.arc(at(x[0]), size - at(x[1]), hollow ? 3 : 3.2, 0, 7);
          c.fillStyle = hollow ? (theme === "dark" ? "#181b20" : "#fff") : `rgb(${rgb})`;
          c.strokeStyle = hollow ? `rgb(${rgb})` : theme === "dark" ? "#181b20" : "#fff";
          c.lineWidth = hollow ? 1.6 : 1;
          c.fill();
          c.stroke();
        });
      }
    });
  });
  const names = data.features.length ? data.features : ["x1", "x2"];
  return (
    <figure>
      <canvas ref={canvas} class="field" role="img" aria-label={`What the network answers over ${names.join(" and ")}`} />
      <figcaption class="keys">
        {data.classes.map((name, i) => (
          <span class="key" key={name}>
            <i class="dot" style={{ background: `rgb(${CLASSES[i % CLASSES.length]})` }} />
            {name}
          </span>
        ))}
        {data.classes.length === 0 && (
          <>
            <span class="key"><i class="dot" style={{ background: `rgb(${CLASSES[0]})` }} />above {+half.toPrecision(2)}</span>
            <span class="key"><i class="dot" style={{ background: `rgb(${CLASSES[1]})` }} />below</span>
          </>
        )}
        {data.held > 0 && (
          <span class="key">
            <i class="dot hollow" />
            held out
          </span>
        )}
        <span class="soft">
          across {names[0]}, up {names[1]}
        </span>
      </figcaption>
    </figure>
  );
}

function Fit({ frame, data }: { frame: Frame; data: Shown }) {
  const ys = data.points!.y;
  const low = Math.min(...ys) - 0.3;
  const high = Math.max(...ys) + 0.3;
  const left = frame.fit!.x[0];
  const right = frame.fit!.x[frame.fit!.x.length - 1];
  const px = (x: number) => ((x - left) / (right - left)) * 320;
  const py = (y: number) => 260 - ((y - low) / (high - low)) * 260;
  const line = frame.fit!.y.map((y, i) => `${px(frame.fit!.x[i]).toFixed(1)},${py(y).toFixed(1)}`).join(" ");
  return (
    <svg class="fit" viewBox="0 0 320 260" role="img" aria-label="The network's answer over its input, and the examples">
      {data.points!.x.map((x, i) => <circle cx={px(x[0])} cy={py(ys[i])} r="2.6" class="example" />)}
      <polyline points={line} class="answer" />
    </svg>
  );
}

// Numbers as colours: blue above 0, orange below, white at 0.
export function paintSigned(canvas: HTMLCanvasElement, rows: number[][], most: number) {
  canvas.height = rows.length;
  canvas.width = rows[0].length;
  const image = new ImageData(rows[0].length, rows.length);
  rows.flat().forEach((value, i) => {
    const v = Math.max(-1, Math.min(1, (value ?? 0) / most));
    const rgb = v >= 0 ? CLASSES[0] : CLASSES[1];
    for (let k = 0; k < 3; k++) image.data[4 * i + k] = 255 + Math.abs(v) * (rgb[k] - 255);
    image.data[4 * i + 3] = 255;
  });
  canvas.getContext("2d")!.putImageData(image, 0, 0);
}

export function Picture({ rows, label, signed }: { rows: number[][]; label: string; signed?: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const c = canvas.current!.getContext("2d")!;
    const height = rows.length;
    const width = rows[0].length;
    canvas.current!.width = width;
    canvas.current!.height = height;
    const flat = rows.flat();
    const most = Math.max(1e-9, ...flat.map(Math.abs));
    const image = new ImageData(width, height);
    flat.forEach((value, i) => {
      const v = value / most;
      const rgb = signed ? (v >= 0 ? CLASSES[0] : CLASSES[1]) : [20, 24, 31];
      for (let k = 0; k < 3; k++) image.data[4 * i + k] = 255 + Math.abs(v) * (rgb[k] - 255);
      image.data[4 * i + 3] = 255;
    });
    c.putImageData(image, 0, 0);
  });
  return <canvas ref={canvas} class="picture" role="img" aria-label={label} />;
}

function Confusion({ counts, classes, held }: { counts: number[][]; classes: string[]; held: boolean }) {
  if (classes.length > 12) return null;
  return (
    <table class="confusion">
      <caption>{held ? "Held-out" : "Training"} examples: rows are the truth, columns the answers</caption>
      <thead>
        <tr>
          <th scope="col">truth</th>
          {classes.map((name) => <th scope="col" key={name}>{name}</th>)}
        </tr>
      </thead>
      <tbody>
        {counts.map((row, i) => {
          const total = Math.max(1, row.reduce((a, b) => a + b, 0));
          return (
            <tr key={i}>
              <th scope="row">{classes[i]}</th>
              {row.map((count, j) => (
                <td key={j} style={{ background: `rgb(${CLASSES[i === j ? 0 : 1]} / ${(0.45 * count) / total})` }}>
                  {count || ""}
                </td>
              ))}
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}

export function Answers({ frame, data, theme }: { frame: Frame; data: Shown; theme: string }) {
  if (frame.field) return <Field frame={frame} data={data} theme={theme} />;
  if (frame.fit && data.points) return <Fit frame={frame} data={data} />;
  return (
    <div>
      {frame.pictures && data.pictures && (
        <div class="pictures">
          {data.pictures.map((rows, i) => {
            const told = frame.pictures![i];
            const right = told && told.guess === told.truth;
            return (
              <figure key={i} class={right ? "right" : "wrong"}>
                <Picture rows={rows} label={`a ${data.classes[told.truth]}, taken for ${data.classes[told.guess]}`} />
                <figcaption>
                  {right ? "" : "✗ "}
                  {data.classes[told.guess]} {Math.round(100 * told.sure)}%
                </figcaption>
              </figure>
            );
          })}
        </div>
      )}
      {frame.given_back && data.pictures && (
        <figure class="given-back">
          <div class="pictures">
            {data.pictures.map((rows, i) => (
              <div key={i}>
                <Picture rows={rows} label={`example ${i}`} />
                <Picture rows={frame.given_back![i].map((row) => row.map((v) => Math.max(0, v ?? 0)))} label={`example ${i}, given back`} />
              </div>
            ))}
          </div>
          <figcaption class="soft">{data.held ? "Held-out" : "Training"} examples, and below each what the network gives back</figcaption>
        </figure>
      )}
      {frame.mistakes !== undefined && (
        <p>
          Mistakes a sequence: <b>{+frame.mistakes.toPrecision(3)}</b>
          {data.held > 0 && <>, of unseen ones <b>{+frame.held_mistakes!.toPrecision(3)}</b></>}
        </p>
      )}
      {frame.written && <Written written={frame.written} held={data.held > 0} />}
      {frame.confusion && <Confusion counts={frame.confusion} classes={data.classes} held={data.held > 0} />}
      {frame.pairs && <Pairs pairs={frame.pairs} />}
    </div>
  );
}

// What is answered at each time-step: above it what came, below what should follow and what was said.
function Written({ written, held }: { written: NonNullable<Frame["written"]>; held: boolean }) {
  return (
    <figure class="written" tabindex={0} aria-label="Answers at each time-step">
      {written.map((one, i) => (
        <table key={i}>
          <tbody>
            {(["steps", "truth", "guess"] as const).map((name) => (
              <tr>
                <th scope="row">{{ steps: "seen", truth: "target", guess: "answer" }[name]}</th>
                {one[name].map((text, t) => <td class={name === "guess" && text !== one.truth[t] ? "wrong" : ""}>{text || "–"}</td>)}
              </tr>
            ))}
          </tbody>
        </table>
      ))}
      <figcaption class="soft">{held ? "Held-out" : "Training"} sequences, step by step; a wrong answer is underlined</figcaption>
    </figure>
  );
}

function Pairs({ pairs }: { pairs: { truth: number[]; guess: number[] } }) {
  const all = [...pairs.truth, ...pairs.guess];
  const low = Math.min(...all);
  const span = Math.max(...all) - low || 1;
  const p = (v: number) => 10 + (280 * (v - low)) / span;
  return (
    <svg class="fit" viewBox="0 0 300 300" role="img" aria-label="Answers over the true values of examples held out">
      <line x1="10" y1="290" x2="290" y2="10" class="ideal" />
      {pairs.truth.map((t, i) => <circle cx={p(t)} cy={300 - p(pairs.guess[i])} r="2.6" class="example" />)}
    </svg>
  );
}
