/**
 * Draws a Vega-Lite spec, in a process of its own with the packages of the `deno.json` beside it, which
 * are 40 MB that only this needs:
 *
 *     deno run --config tests/notebook/vega/deno.json -A tests/notebook/vega/draw.ts <spec.json
 *
 * Standard output gets a {@linkcode Drawn} as JSON.
 * @module
 */

/** What came of a spec. */
export interface Drawn {
  readonly svg: string;
  /** What Vega-Lite and Vega found to say of it. */
  readonly told: readonly string[];
}

interface VegaLite {
  compile(spec: unknown, options: { readonly logger: unknown }): { readonly spec: unknown };
}

interface Vega {
  parse(spec: unknown): unknown;
  readonly View: new (runtime: unknown, options: object) => { toSVG(): Promise<string> };
}

// Names that the type checker does not look for: the project's own settings do not have them.
const load = (name: string): Promise<unknown> => import(name);

async function draw(spec: unknown): Promise<Drawn> {
  const { compile } = await load("vega-lite") as VegaLite;
  const { parse, View } = await load("vega") as Vega;
  const told: string[] = [];
  const note = (...words: readonly unknown[]) => {
    told.push(words.join(" "));
    return logger;
  };
  const logger = { level: () => 0, error: note, warn: note, info: note, debug: () => logger };
  const compiled = compile(spec, { logger }).spec;
  const svg = await new View(parse(compiled), { renderer: "none", logger }).toSVG();
  return { svg, told };
}

console.log(JSON.stringify(await draw(await new Response(Deno.stdin.readable).json())));
