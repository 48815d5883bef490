import type { Design, Drawn, Layer, Offered, Send } from "./types";

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

export function Build(props: { design: Design; drawing: Drawn[]; offered: Offered; send: Send }) {
  const { design, offered, send } = props;
  const change = (more: Partial<Design>) => send({ do: "design", design: { ...design, params: "", ...more } });
  const layers = design.layers;
  const set = (i: number, more: Partial<Layer>) =>
    change({ layers: layers!.map((layer, k) => (k === i ? { ...layer, ...more } : layer)) });
  const total = props.drawing.reduce((sum, node) => sum + node.parameters, 0);
  return (
    <div class="build">
      {Object.keys(offered.data).length > 0 && (
        <Choice label="Data" value={design.data} of={offered.data} set={(data) => change(fresh(design, data))} />
      )}
      <h3>
        Layers <span class="soft">{total.toLocaleString("en")} parameters</span>
      </h3>
      {layers === null ? (
        <p class="soft">The network that Python gave. Its settings can be changed below.</p>
      ) : (
        <ol class="layers">
          {layers.map((layer, i) => (
            <li key={i}>
              <div class="head">
                <b>{layer.kind.replace("_", " ")}</b>
                <span>
                  <button title="Move down" aria-label={`Move layer ${i + 1} towards the input`} disabled={i === 0}
                    onClick={() => change({ layers: swapped(layers, i - 1) })}>↑</button>
                  <button title="Remove" aria-label={`Remove layer ${i + 1}`}
                    onClick={() => change({ layers: layers.filter((_, k) => k !== i) })}>×</button>
                </span>
              </div>
              <div class="fields">
                {layer.units !== undefined && (
                  <span class="stepper">
                    <button aria-label={`One unit fewer in layer ${i + 1}`} disabled={layer.units <= 1}
                      onClick={() => set(i, { units: layer.units! - 1 })}>−</button>
                    <input type="number" aria-label={`Units of layer ${i + 1}`} value={layer.units} min="1" max="1024"
                      onChange={(e) => set(i, { units: Number(e.currentTarget.value) })} />
                    <button aria-label={`One unit more in layer ${i + 1}`}
                      onClick={() => set(i, { units: layer.units! + 1 })}>+</button>
                  </span>
                )}
                {(["filters", "window", "rate", "heads", "forget_bias"] as const).map(
                  (name) =>
                    layer[name] !== undefined && (
                      <label class="small">
                        {name.replace("_", " ")}
                        <input type="number" value={layer[name]} step={name === "rate" ? 0.05 : 1}
                          onChange={(e) => set(i, { [name]: Number(e.currentTarget.value) })} />
                      </label>
                    ),
                )}
                {layer.activation !== undefined && (
                  <select aria-label={`Activation of layer ${i + 1}`} value={layer.activation}
                    onChange={(e) => set(i, { activation: e.currentTarget.value })}>
                    {offered.activations.map((a) => <option value={a} selected={a === layer.activation}>{a}</option>)}
                  </select>
                )}
                {layer.initializer !== undefined && (
                  <select aria-label={`First weights of layer ${i + 1}`} value={layer.initializer}
                    onChange={(e) => set(i, { initializer: e.currentTarget.value })}>
                    {offered.initializers.map((a) => (
                      <option value={a} selected={a === layer.initializer}>{a || "usual weights"}</option>
                    ))}
                  </select>
                )}
              </div>
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
            if (kind) change({ layers: [...layers, { kind }] });
          }}>
            <option value="">choose…</option>
            {Object.keys(offered.kinds).map((kind) => <option value={kind}>{kind.replace("_", " ")}</option>)}
          </select>
        </label>
      )}
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

function swapped(layers: Layer[], i: number): Layer[] {
  const after = [...layers];
  [after[i], after[i + 1]] = [after[i + 1], after[i]];
  return after;
}

// What was set up for another data set's lesson does not follow to the next.
function fresh(design: Design, data: string): Partial<Design> {
  const lesson = design.data === "power_plant" || design.data === "lstm_cell";
  return { data, ...(lesson ? { loss: "", output: "identity", reduction: "mean", batch_size: 32 } : {}) };
}
