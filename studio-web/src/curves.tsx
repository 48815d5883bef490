import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import type { Point } from "./types";

export type Line = { label: string; colour: string; points: Point[]; column: number; dash?: number[] };

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// Lines over epochs, each with points of its own.
export function Curves(props: { lines: Line[]; label: string; theme: string; height?: number; logarithmic?: boolean }) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>();
  const key = props.lines.map((line) => line.label + line.colour).join() + props.theme + props.logarithmic;
  const height = props.height ?? (innerHeight < 850 ? 112 : innerHeight > 1600 ? 300 : 160);

  useEffect(() => {
    if (!box.current) return;
    const ink = colour("--soft");
    const grid = { stroke: colour("--line"), width: 1 };
    const axis = { stroke: ink, grid, ticks: grid, font: "11px system-ui" };
    plot.current = new uPlot(
      {
        width: box.current.clientWidth,
        height,
        mode: 2,
        cursor: { show: false },
        legend: { show: false },
        scales: {
          // Before the first epoch there is one point, around which no range is known.
          x: { time: false, auto: true, range: (_: uPlot, low: number | null, high: number | null) => [low ?? 0, Math.max(high ?? 1, (low ?? 0) + 1)] },
          y: props.logarithmic ? { distr: 3, auto: true } : { auto: true },
        },
        axes: [
          { ...axis, size: 28 },
          { ...axis, size: 52, values: (_: uPlot, ticks: (number | null)[]) => ticks.map((t) => (t === null ? "" : String(+t.toPrecision(3)))) },
        ],
        series: [
          {},
          ...props.lines.map((line) => ({
            label: line.label,
            stroke: colour(line.colour),
            width: 2,
            dash: line.dash,
            points: { show: false },
            facets: [{ scale: "x", auto: true }, { scale: "y", auto: true }],
            paths: (u: uPlot, seriesIdx: number) => {
              const path = new Path2D();
              const data = (u.data as unknown as [number[], (number | null)[]][])[seriesIdx];
              let begun = false;
              for (let i = 0; i < data[0].length; i++) {
                const y = data[1][i];
                if (y === null || (props.logarithmic && y <= 0)) continue;
                const at = [u.valToPos(data[0][i], "x", true), u.valToPos(y, "y", true)] as const;
                begun ? path.lineTo(...at) : path.moveTo(...at);
                begun = true;
              }
              const { ctx } = u;
              ctx.save();
              ctx.beginPath();
              ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
              ctx.clip();
              ctx.strokeStyle = colour(line.colour);
              ctx.lineWidth = 2 * devicePixelRatio;
              ctx.setLineDash((line.dash ?? []).map((d) => d * devicePixelRatio));
              ctx.stroke(path);
              ctx.restore();
              return null;
            },
          })),
        ],
      } as unknown as uPlot.Options,
      [[], ...props.lines.map(() => [[], []])] as unknown as uPlot.AlignedData,
      box.current,
    );
    const watch = new ResizeObserver(() => plot.current?.setSize({ width: box.current!.clientWidth, height }));
    watch.observe(box.current);
    return () => {
      watch.disconnect();
      plot.current?.destroy();
    };
  }, [key, height]);

  useEffect(() => {
    const data = props.lines.map((line) => {
      const kept = line.points.filter((p) => p[line.column] !== null && (!props.logarithmic || p[line.column]! > 0));
      return [kept.map((p) => p[0]), kept.map((p) => p[line.column])];
    });
    plot.current?.setData([[], ...data] as unknown as uPlot.AlignedData);
  });

  const last = props.lines.map((line) => {
    const value = line.points[line.points.length - 1]?.[line.column];
    return `${line.label} ${value === null || value === undefined ? "not known" : value.toPrecision(3)}`;
  });
  return (
    <figure class="curves" role="img" aria-label={`${props.label}: ${last.join(", ")}`}>
      <figcaption>
        <b>{props.label}</b>
        {props.lines.map((line, i) => (
          <span class="key" key={line.label}>
            <i style={{ borderTop: `2px ${line.dash ? "dashed" : "solid"} var(${line.colour})` }} />
            {last[i]}
          </span>
        ))}
      </figcaption>
      <div ref={box} />
    </figure>
  );
}
