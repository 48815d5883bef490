import { useState } from "preact/hooks";
import { added, movable, moved, removable, removed } from "./layers";
import type { Design, DesignMessage, Layer, Offered, Send } from "./types";

function Choice(props: { label: string; value: string; of: string[] | Record<string, string>; none?: string; set: (v: string) => void }) {
  const pairs = Array.isArray(props.of) ? props.of.map((v) => [v, v || props.none || "none"]) : Object.entries(props.of);
  return (
    <label class="row">
      <span>{props.label}</span>
      <select value={props.value} onChange={(e) => props.set(e.currentTarget.value)}>
        {pairs.map(([value, text]) => (
          <option value={value} selected={value === props.value}>{text}</option>
        ))}
      </select>
    </label>
  );
}

function Amount(props: { label: string; value: number; least: number; most: number; step?: number | "any"; set: (v: number) => void }) {
  return (
    <label class="row">
      <span>{props.label}</span>
      <input
        type="number" value={props.value} min={props.least} max={props.most} step={props.step ?? "any"}
        onChange={(e) => props.set(Number(e.currentTarget.value))}
      />
    </label>
  );
}

// What of one layer can be changed.
function Fields({ layer, i, offered, set }: { layer: Layer; i: number; offered: Offered; set: (more: Partial<Layer>) => void }) {
  if (layer.code !== undefined)
    return (
      <input class="python" aria-label={`Layer ${i + 1} as Python`} value={layer.code} spellcheck={false}
        onChange={(e) => set({ code: e.currentTarget.value })} />
    );
  return (
    <div class="fields">
      {layer.units !== undefined && (
        <span class="stepper">
          <button aria-label={`One unit fewer in layer ${i + 1}`} disabled={layer.units <= 1}
            onClick={() => set({ units: layer.units! - 1 })}>−</button>
          <input type="number" aria-label={`Units of layer ${i + 1}`} value={layer.units} min="1" max="1024"
            onChange={(e) => set({ units: Number(e.currentTarget.value) })} />
          <button aria-label={`One unit more in layer ${i + 1}`}
            onClick={() => set({ units: layer.units! + 1 })}>+</button>
        </span>
      )}
      {(["filters", "window", "rate", "heads", "forget_bias"] as const).map(
        (name) =>
          layer[name] !== undefined && (
            <label class="small">
              {name.replace("_", " ")}
              <input type="number" value={layer[name]} step={name === "rate" ? 0.05 : 1}
                onChange={(e) => set({ [name]: Number(e.currentTarget.value) })} />
            </label>
          ),
      )}
      {layer.activation !== undefined && (
        <select aria-label={`Activation of layer ${i + 1}`} value={layer.activation}
          onChange={(e) => set({ activation: e.currentTarget.value })}>
          {offered.activations.map((a) => <option value={a} selected={a === layer.activation}>{a}</option>)}
        </select>
      )}
      {layer.initializer !== undefined && (
        <select aria-label={`First weights of layer ${i + 1}`} value={layer.initializer}
          onChange={(e) => set({ initializer: e.currentTarget.value })}>
          {offered.initializers.map((a) => (
            <option value={a} selected={a === layer.initializer}>{a || "usual weights"}</option>
          ))}
        </select>
      )}
    </div>
  );
}

export function Build(props: { made: DesignMessage; offered: Offered; send: Send }) {
  const { offered, send } = props;
  const { design, drawing, fixed } = props.made;
  const change = (more: Partial<Design>) => send({ do: "design", design: { ...design, params: "", ...more } });
  const layers = design.layers;
  const set = (i: number, more: Partial<Layer>) =>
    change({ layers: layers!.map((layer, k) => (k === i ? { ...layer, ...more } : layer)) });
  const total = drawing.reduce((sum, node) => sum + node.parameters, 0);
  return (
    <div class="build">
      {Object.keys(offered.data).length > 0 && (
        <Choice label="Data" value={design.data} of={offered.data} set={(data) => change(fresh(design, data))} />
      )}
      <h3>
        Layers <span class="soft">{total.toLocaleString("en")} parameters</span>
      </h3>
      {layers === null ? (
        <p class="soft">This network is shown as it was given: {fixed}. Its settings can be changed below.</p>
      ) : (
        <ol class="layers">
          {layers.map((layer, i) => (
            <li key={i}>
              <div class="head">
                <b>{layer.name ?? layer.kind.replace("_", " ")}</b>
                <span>
                  <button title="Move towards the input" aria-label={`Move layer ${i + 1} towards the input`} disabled={!movable(layers, i)}
                    onClick={() => change({ layers: moved(layers, i) })}>↑</button>
                  <button title="Remove" aria-label={`Remove layer ${i + 1}`} disabled={!removable(layers, i)}
                    onClick={() => change({ layers: removed(layers, i) })}>×</button>
                </span>
              </div>
              {layer.from && <div class="soft">from {layer.from.join(", ")}</div>}
              <Fields layer={layer} i={i} offered={offered} set={(more) => set(i, more)} />
            </li>
          ))}
        </ol>
      )}
      {layers !== null && (
        <label class="row">
          <span>Add a layer</span>
          <select value="" onChange={(e) => {
            const kind = e.currentTarget.value;
            e.currentTarget.value = "";
            const code = kind === "python" ? { code: "ng.Dense(8, activation='relu')" } : {};
            if (kind) change({ layers: added(layers, { kind, ...code }, design.whole) });
          }}>
            <option value="">choose…</option>
            {Object.keys(offered.kinds).map((kind) => <option value={kind}>{kind.replace("_", " ")}</option>)}
            <option value="python">any, as Python</option>
          </select>
        </label>
      )}
      <Pasted send={send} />
      <h3>Training</h3>
      <Choice label="Optimiser" value={design.optimizer} of={offered.optimizers} set={(optimizer) => change({ optimizer })} />
      <Amount label="Learning rate" value={design.learning_rate} least={0} most={100} set={(learning_rate) => change({ learning_rate })} />
      <Amount label="Batch (0: all)" value={design.batch_size} least={0} most={100000} step={1} set={(batch_size) => change({ batch_size })} />
      <Choice label="Loss" value={design.loss} of={offered.losses} none="as the data ask" set={(loss) => change({ loss })} />
      <Choice label="Penalty" value={design.penalty} of={offered.penalties} set={(penalty) => change({ penalty })} />
      {design.penalty && <Amount label="Its strength" value={design.alpha} least={0} most={1} set={(alpha) => change({ alpha })} />}
      <Amount label="Seed" value={design.seed} least={0} most={4294967295} step={1} set={(seed) => change({ seed })} />
    </div>
  );
}

// Python code as a drawing: what is refused is said above, and the text stays.
function Pasted({ send }: { send: Send }) {
  const [code, setCode] = useState("");
  return (
    <details class="pasted">
      <summary>Draw a network from Python code</summary>
      <textarea aria-label="Python code of a network" rows={7} spellcheck={false} value={code} onInput={(e) => setCode(e.currentTarget.value)}
        placeholder={"net = ng.Sequential([\n    ng.Dense(8, activation='tanh'),\n    ng.Dense(2),\n])"} />
      <button disabled={!code.trim()} onClick={() => send({ do: "code", code })}>Draw it</button>
      <span class="soft"> The code is read, never run.</span>
    </details>
  );
}

// What was set up for another data set's lesson does not follow to the next.
function fresh(design: Design, data: string): Partial<Design> {
  const lesson = design.data === "power_plant" || design.data === "lstm_cell";
  return { data, ...(lesson ? { loss: "", output: "identity", reduction: "mean", batch_size: 32 } : {}) };
}
