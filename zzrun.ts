import { DATASETS } from "./src/data/registry.ts";
import { buildDataset } from "./src/data/build.ts";
const [name, path, tables, dbDir] = Deno.args;
const t = performance.now();
const r = await buildDataset(DATASETS.find((d) => d.name === name)!, { path: path || null, tables: tables||null, dbDir: dbDir||null, seed: 42, count: 1000 }, { outDir: "/work/scratch/data-h/out-" + name, seed: 42 });
console.log(JSON.stringify({ ...r, dropped: Object.fromEntries(Object.entries(r.dropped).map(([k, v]) => [k, [v.count, v.examples[0]]])) }, null, 1), ((performance.now() - t) / 1000).toFixed(1) + "s", Deno.memoryUsage().rss / 1e6);
