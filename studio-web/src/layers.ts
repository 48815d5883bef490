// A list of layers, changed: most are fed by the one before, those of a graph say by which (`from`).
import type { Layer } from "./types";

const named = (layers: Layer[], name?: string) => !!name && layers.some((other) => other.from?.includes(name));

// Whether a layer may be left out: what it was fed by then feeds those that it fed.
export const removable = (layers: Layer[], i: number) => (layers[i].from?.length ?? 1) === 1;

export function removed(layers: Layer[], i: number): Layer[] {
  const gone = layers[i];
  const source = gone.from ?? (i > 0 ? [layers[i - 1].name ?? ""] : ["x"]);
  return layers.flatMap((layer, k) => {
    if (k === i) return [];
    const fed = layer.from?.map((name) => (name === gone.name ? source[0] : name));
    if (k === i + 1 && !layer.from && gone.from) return [{ ...layer, from: gone.from }];
    return [fed ? { ...layer, from: fed } : layer];
  });
}

// Whether a layer may change places with the one before it.
export function movable(layers: Layer[], i: number): boolean {
  if (i === 0) return false;
  const pair = [layers[i - 1], layers[i], layers[i + 1]];
  return pair.every((layer) => !layer?.from) && !named(layers, layers[i].name) && !named(layers, layers[i - 1].name);
}

export function moved(layers: Layer[], i: number): Layer[] {
  const after = [...layers];
  [after[i - 1], after[i]] = [after[i], after[i - 1]];
  return after;
}

// One more: at the end, or of a network with its last layer before that.
export function added(layers: Layer[], layer: Layer, whole: boolean): Layer[] {
  const last = layers[layers.length - 1];
  if (!whole || !last || (last.from?.length ?? 1) > 1) return [...layers, layer];
  const { from, ...rest } = last;
  return [...layers.slice(0, -1), from ? { ...layer, from } : layer, rest];
}
