// What the server says: netgrad/studio/worker.py and app.py.
export type Layer = {
  kind: string;
  name?: string; // of a layer of a network that was given: under it its weights stand
  from?: string[]; // where it is not fed by the layer before
  code?: string; // of kind "python"
  units?: number;
  activation?: string;
  initializer?: string;
  rate?: number;
  filters?: number;
  window?: number;
  heads?: number;
  forget_bias?: number;
};

export type Design = {
  data: string;
  layers: Layer[] | null;
  whole: boolean;
  output: string;
  bias: number;
  loss: string;
  optimizer: string;
  learning_rate: number;
  penalty: string;
  alpha: number;
  batch_size: number;
  reduction: string;
  seed: number;
  params: string;
};

export type Drawn = {
  name: string;
  kind: string;
  activation?: string;
  from: string[];
  shape: number[];
  parameters: number;
};

export type Points = { x: number[][]; y: number[] };

export type Shown = {
  title: string;
  classes: string[];
  features: string[];
  shape: number[];
  examples: number;
  held: number;
  points?: Points;
  held_points?: Points;
  pictures?: number[][][];
};

export type DesignMessage = {
  design: Design;
  drawing: Drawn[];
  code: string;
  command: string;
  data: Shown;
  settings?: Record<string, string>;
  fixed?: string; // why the layers cannot be changed one by one
};

export type Point = (number | null)[]; // epochs, loss, held-out loss, accuracy, held-out accuracy

export type Sizes = {
  name: string;
  z?: number | null;
  a?: number | null;
  delta?: number | null;
  dW?: number | null;
  silent?: number | null;
  bars?: { low: number; high: number; counts: number[] };
};

export type Look = {
  layer: string;
  example: number;
  examples: number;
  quantity: string;
  unit?: number;
  input?: number;
  units?: number;
  inputs?: number;
  x?: number[];
  z?: number[];
  a?: number[];
  delta?: number[];
  W?: number[];
  dW?: number[];
  gradient?: number;
  filters?: number[][][];
  maps?: number[][][];
  equations?: { title: string; tex: string }[];
  rows?: { name: string; values: number[][] }[]; // of sequences: each quantity, unit by unit over time
  steps?: string[];
  step?: number;
  length?: number;
  attention?: number[][][];
};

export type Frame = {
  playing: boolean;
  speed: number;
  epoch: number;
  batch: number;
  batches: number;
  rate: number | null;
  curve: Point[];
  layers: Sizes[];
  weights: Record<string, number[][]>;
  selection: { layer: string; unit: number; input: number; example: number; step: number };
  field?: { low: number; high: number; best?: number[]; sure?: number[]; value?: number[] };
  fit?: { x: number[]; y: number[] };
  confusion?: number[][];
  pictures?: { guess: number; truth: number; sure: number }[];
  given_back?: number[][][];
  pairs?: { truth: number[]; guess: number[] };
  written?: { steps: string[]; truth: string[]; guess: string[] }[];
  mistakes?: number;
  held_mistakes?: number;
  look?: Look;
  rival?: { changes: string[]; epoch: number; curve: Point[] };
};

export type Finding = {
  name: string;
  severity: string;
  where: string;
  message: string;
  measured: Record<string, number | null>;
  remedy: string;
  tries: boolean;
};

export type Diagnosis = { findings: Finding[]; summary: string; epoch: number };

export type LessonStep = {
  title: string;
  text: string;
  setup?: Partial<Design> & { select?: Record<string, unknown> };
  expected: string;
  reads: string;
};

export type Lesson = { name: string; title: string; source: string; steps: LessonStep[] };

export type Offered = {
  data: Record<string, string>;
  activations: string[];
  initializers: string[];
  optimizers: string[];
  losses: string[];
  penalties: string[];
  kinds: Record<string, Record<string, [number, number, number]>>;
  lessons: Lesson[];
  given: boolean;
  live: boolean;
};

export type Run = {
  id: string;
  title: string;
  design: Design;
  changes: string[];
  epochs: number;
  point: Point;
  curve: Point[];
};

export type Send = (command: Record<string, unknown>) => void;
