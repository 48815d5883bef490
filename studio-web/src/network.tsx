import type { Drawn, Frame, Send } from "./types";

const MOST = 10; // units of a layer that are drawn one by one

// The network from left to right: narrow dense layers unit by unit with their weights, others as boxes.
export function NetworkDrawing(props: { drawing: Drawn[]; frame: Frame; send: Send; lit: string[] }) {
  const { drawing, frame, send, lit } = props;
  const width = Math.max(520, 118 * drawing.length);
  const height = 262;
  const gap = width / drawing.length;
  const column = new Map(drawing.map((node, i) => [node.name, i]));
  const many = (node: Drawn) => node.shape[node.shape.length - 1] ?? 1;
  const single = (node: Drawn) =>
    node.shape.length === 1 && many(node) <= MOST && (node.kind === "Dense" || node.kind === "input");
  const x = (name: string) => gap * (column.get(name)! + 0.5);
  const y = (node: Drawn, k: number) => 112 + (k - (many(node) - 1) / 2) * Math.min(24, 200 / many(node));
  const select = (layer: string, unit = 0) => send({ do: "select", layer, unit });
  const pressed = (act: () => void) => (event: KeyboardEvent) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      act();
    }
  };

  const edges = drawing.flatMap((node) =>
    node.from.map((name) => {
      const before = drawing[column.get(name)!];
      const W = frame.weights[node.name];
      if (W && single(node) && single(before)) {
        const most = Math.max(0.3, ...W.flat().map(Math.abs));
        return W.flatMap((row, i) =>
          row.map((w, j) => (
            <line
              x1={x(name)} y1={y(before, i)} x2={x(node.name)} y2={y(node, j)}
              class={w >= 0 ? "plus" : "minus"}
              stroke-width={0.3 + (3.2 * Math.abs(w)) / most}
              stroke-opacity={0.25 + (0.7 * Math.abs(w)) / most}
            />
          )),
        );
      }
      const apart = column.get(node.name)! - column.get(name)!;
      if (apart > 1) // past the layers between: over their heads
        return [<path d={`M ${x(name) + 14} 34 C ${x(name) + 40} ${8 - 2 * apart}, ${x(node.name) - 40} ${8 - 2 * apart}, ${x(node.name) - 14} 34`} class="edge" fill="none" />];
      return [<line x1={x(name) + 18} y1={112} x2={x(node.name) - 18} y2={112} class="edge" />];
    }),
  );

  return (
    <div class="drawing">
      <svg viewBox={`0 0 ${width} ${height}`} role="group" aria-label="The network; choose a layer or a unit to look inside">
        {edges}
        {drawing.map((node) => {
          const chosen = frame.selection.layer === node.name;
          const about = `${node.name}, ${node.kind}, ${node.shape.join(" x ")}`;
          const label = (
            <>
              <text x={x(node.name)} y={height - 18} class={`name ${lit.includes(node.name) ? "lit" : ""}`}>
                {node.name}
              </text>
              <text x={x(node.name)} y={height - 4} class="detail">
                {[node.activation && node.activation !== "identity" ? node.activation : "", node.shape.join("×")]
                  .filter(Boolean)
                  .join(" ")}
                {node.parameters ? `, ${node.parameters}` : ""}
              </text>
            </>
          );
          if (single(node)) {
            return (
              <g>
                {Array.from({ length: many(node) }, (_, k) =>
                  node.kind === "input" ? (
                    <circle cx={x(node.name)} cy={y(node, k)} r="8" class="unit input" />
                  ) : (
                    <circle
                      cx={x(node.name)} cy={y(node, k)} r="9" role="button" tabindex={0}
                      aria-label={`${about}, unit ${k}`}
                      aria-pressed={chosen && frame.selection.unit === k}
                      class={`unit ${chosen && frame.selection.unit === k ? "chosen" : ""} ${lit.includes(node.name) ? "lit" : ""}`}
                      onClick={() => select(node.name, k)}
                      onKeyDown={pressed(() => select(node.name, k))}
                    />
                  ),
                )}
                {label}
              </g>
            );
          }
          const box = { x: x(node.name) - 18, y: 32, width: 36, height: 160, rx: 7 };
          return node.kind === "input" ? (
            <g>
              <rect {...box} class="unit input" />
              {label}
            </g>
          ) : (
            <g>
              <rect
                {...box} role="button" tabindex={0} aria-label={about} aria-pressed={chosen}
                class={`unit ${chosen ? "chosen" : ""} ${lit.includes(node.name) ? "lit" : ""}`}
                onClick={() => select(node.name)}
                onKeyDown={pressed(() => select(node.name))}
              />
              <text x={x(node.name)} y={112} class="inside" transform={`rotate(-90 ${x(node.name)} 112)`}>
                {node.kind}
              </text>
              {label}
            </g>
          );
        })}
      </svg>
    </div>
  );
}
