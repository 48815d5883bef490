import katex from "katex";
import "katex/dist/katex.min.css";
import type { Frame, Send, Sizes } from "./types";
import { Picture } from "./views";

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
        <code>{look.quantity}</code>
        <button onClick={() => void navigator.clipboard.writeText(look.quantity)}>Copy</button>
      </div>
      <div class="two">
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
      </div>
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
