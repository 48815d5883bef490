import katex from "katex";
import "katex/dist/katex.min.css";
import { useEffect, useRef } from "preact/hooks";
import type { Frame, Look, Send, Sizes } from "./types";
import { Picture, paintSigned } from "./views";

const shown = (v: number | null | undefined) => (v === null || v === undefined ? "not finite" : String(+v.toPrecision(4)));

function Equation({ title, tex }: { title: string; tex: string }) {
  const html = katex.renderToString(tex, { displayMode: true, throwOnError: false, output: "htmlAndMathml" });
  return (
    <div class="equation">
      <h4>{title}</h4>
      <div tabindex={0} dangerouslySetInnerHTML={{ __html: html }} />
    </div>
  );
}

function Numbers(props: { name: string; values: number[]; chosen?: number; choose?: (i: number) => void }) {
  return (
    <div class="numbers">
      <b>{props.name}</b>
      <span>
        {props.values.map((value, i) =>
          props.choose ? (
            <button key={i} aria-pressed={props.chosen === i} onClick={() => props.choose!(i)} title={`${props.name}[${i}]`}>
              {shown(value)}
            </button>
          ) : (
            <span key={i} class={props.chosen === i ? "number chosen" : "number"} title={`${props.name}[${i}]`}>{shown(value)}</span>
          ),
        )}
      </span>
    </div>
  );
}

// One quantity over time: a row for each unit, a column for each step; a click chooses both.
function OverTime(props: { name: string; values: number[][]; steps: string[]; step: number; unit: number; choose: (step: number, unit: number) => void }) {
  const { values, steps } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const most = Math.max(1e-9, ...values.flat().map((v) => Math.abs(v ?? 0)));
  const unit = Math.min(props.unit, values.length - 1);
  useEffect(() => paintSigned(canvas.current!, values, most));
  const pick = (event: MouseEvent) => {
    const box = canvas.current!.getBoundingClientRect();
    const part = (at: number, from: number, size: number, count: number) => Math.max(0, Math.min(count - 1, Math.floor(((at - from) / size) * count)));
    props.choose(part(event.clientX, box.left, box.width, steps.length), part(event.clientY, box.top, box.height, values.length));
  };
  return (
    <div class="overtime">
      <span class="name">{props.name} <b>{shown(values[unit]?.[props.step])}</b></span>
      <canvas ref={canvas} role="img" onClick={pick} aria-label={`${props.name} of ${values.length} units over ${steps.length} time-steps, largest ${shown(most)}`}
        style={{ width: `${steps.length * 15}px`, height: `${Math.max(14, Math.min(72, values.length * 9))}px` }} />
    </div>
  );
}

function Sequence({ look, select }: { look: Look; select: (more: Record<string, number>) => void }) {
  const steps = look.steps!;
  return (
    <div class="sequence" tabindex={0} aria-label="Quantities over time">
      <div class="overtime">
        <span class="name soft">step</span>
        <span class="steps">
          {steps.map((name, t) => (
            <span key={t} class={t === look.step ? "chosen" : ""} onClick={() => select({ step: t })}>{name}</span>
          ))}
        </span>
      </div>
      {look.rows!.map((row) => (
        <OverTime key={row.name} {...row} steps={steps} step={look.step!} unit={look.unit ?? 0} choose={(step, unit) => select(row.name === "x" ? { step } : { step, unit })} />
      ))}
      <p class="soft">A row for each unit, a column for each time-step; blue above 0, orange below, as strong as the largest of each quantity. The numbers are those of the chosen step and unit.</p>
    </div>
  );
}

function Heads({ heads, steps }: { heads: number[][][]; steps: string[] }) {
  return (
    <div class="heads">
      {heads.map((rows, i) => (
        <figure key={i}>
          <table class="attends" aria-label={`Attention weights of head ${i}`}>
            <thead>
              <tr><th scope="col"><span class="sr">step</span></th>{rows[0].map((_, s) => <th scope="col">{steps[s]}</th>)}</tr>
            </thead>
            <tbody>
              {rows.map((row, t) => (
                <tr key={t}>
                  <th scope="row">{steps[t]}</th>
                  {row.map((weight, s) => <td style={{ background: `rgb(37 99 235 / ${weight})` }} title={`${steps[t]} (step ${t}) attends to ${steps[s]} (step ${s}): ${shown(weight)}`} />)}
                </tr>
              ))}
            </tbody>
          </table>
          <figcaption class="soft">head {i}: rows attend to columns</figcaption>
        </figure>
      ))}
    </div>
  );
}

export function LookInside({ frame, send }: { frame: Frame; send: Send }) {
  const look = frame.look;
  if (!look) return <p class="soft">Choose a layer in the drawing.</p>;
  const select = (more: Record<string, number>) => send({ do: "select", layer: look.layer, ...more });
  const flat = look.equations === undefined;
  return (
    <div class="look">
      <div class="picker">
        <b>{look.layer}</b>
        {look.unit !== undefined && (
          <label>unit
            <input type="number" min="0" max={look.units! - 1} value={look.unit}
              onChange={(e) => select({ unit: Number(e.currentTarget.value) })} />
          </label>
        )}
        <label>example
          <input type="number" min="0" max={look.examples - 1} value={look.example}
            onChange={(e) => select({ example: Number(e.currentTarget.value) })} />
        </label>
        {look.rows && (
          <label>step
            <input type="number" min="0" max={look.steps!.length - 1} value={look.step}
              onChange={(e) => select({ step: Number(e.currentTarget.value) })} />
          </label>
        )}
        <code>{look.quantity}</code>
        <button onClick={() => void navigator.clipboard.writeText(look.quantity)}>Copy</button>
      </div>
      {look.attention && <Heads heads={look.attention} steps={look.steps!} />}
      {look.rows && <Sequence look={look} select={select} />}
      {look.rows && look.equations && <div>{look.equations.map((e) => <Equation key={e.title} {...e} />)}</div>}
      {!look.rows && <div class="two">
        <div>
          {look.x && <Numbers name="x" values={look.x} chosen={look.input} choose={flat ? undefined : (input) => select({ input })} />}
          {look.W && <Numbers name={flat ? "W" : `W[:, ${look.unit}]`} values={look.W} chosen={look.input} />}
          {look.dW && <Numbers name={`dW[:, ${look.unit}]`} values={look.dW} chosen={look.input} />}
          {(["z", "a", "delta"] as const).map(
            (name) =>
              look[name] && (
                <Numbers name={name} values={look[name]!} chosen={look.unit} choose={flat ? undefined : (unit) => select({ unit })} />
              ),
          )}
          {look.filters && (
            <div class="maps">
              <b>filters</b>
              {look.filters.map((rows, i) => <Picture rows={rows} signed label={`filter ${i}`} />)}
            </div>
          )}
          {look.maps && (
            <div class="maps">
              <b>feature maps</b>
              {look.maps.map((rows, i) => <Picture rows={rows} label={`feature map ${i} of example ${look.example}`} />)}
            </div>
          )}
        </div>
        <div>{look.equations?.map((e) => <Equation key={e.title} {...e} />)}</div>
      </div>}
    </div>
  );
}

function Bar({ value, most }: { value: number | null | undefined; most: number }) {
  const least = most / 1e6;
  const share = value ? Math.max(0, Math.log10(value / least) / 6) : 0;
  return (
    <td class="bar">
      <i style={{ width: `${Math.min(100, 100 * share)}%` }} />
      <span>{value === undefined ? "" : value === null ? "not finite" : value.toPrecision(2)}</span>
    </td>
  );
}

// Gradient flow: the sizes of z, a, delta and dW layer by layer, on a logarithmic scale of six decades.
export function Sizes({ layers, lit }: { layers: Sizes[]; lit: string[] }) {
  const columns = ["z", "a", "delta", "dW"] as const;
  const most = Object.fromEntries(columns.map((c) => [c, Math.max(1e-30, ...layers.map((l) => l[c] ?? 0))]));
  return (
    <table class="sizes">
      <caption class="soft">Root mean squares over examples; bars span six decades</caption>
      <thead>
        <tr>
          <th scope="col">layer</th>
          {columns.map((c) => <th scope="col">{c}</th>)}
          <th scope="col">z, distributed</th>
          <th scope="col">silent</th>
        </tr>
      </thead>
      <tbody>
        {layers.map((layer) => (
          <tr key={layer.name} class={lit.includes(layer.name) ? "lit" : ""}>
            <th scope="row">{layer.name}</th>
            {columns.map((c) => <Bar value={layer[c]} most={most[c]} />)}
            <td>{layer.bars && <Histogram {...layer.bars} />}</td>
            <td>{layer.silent === undefined || layer.silent === null ? "" : `${Math.round(100 * layer.silent)}%`}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Histogram({ low, high, counts }: { low: number; high: number; counts: number[] }) {
  const most = Math.max(1, ...counts);
  return (
    <svg viewBox="0 0 84 22" class="histogram" role="img" aria-label={`z from ${shown(low)} to ${shown(high)}`}>
      {counts.map((count, i) => <rect x={i * 4} width="3.4" y={22 - (22 * count) / most} height={(22 * count) / most} />)}
    </svg>
  );
}
