/**
 * The data sets by name. A new one is a file that exports a {@linkcode Dataset}, and a line here.
 * @module
 */
import { alpaca } from "./alpaca.ts";
import { arrow } from "./arrow.ts";
import { bird } from "./bird.ts";
import { cspider } from "./cspider.ts";
import { demo } from "./demo_dataset.ts";
import type { Dataset } from "./example.ts";
import { spider } from "./spider.ts";
import { sqlCreateContext } from "./sql_create_context.ts";
import { wikisql } from "./wikisql.ts";

/** Every data set that `deno task data` reads. */
export const DATASETS: readonly Dataset[] = [
  sqlCreateContext,
  wikisql,
  spider,
  cspider,
  bird,
  alpaca,
  arrow,
  demo,
];
