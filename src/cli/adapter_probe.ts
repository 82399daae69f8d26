/// <reference lib="deno.worker" />
/**
 * A worker that says whether there is a GPU adapter and ends. {@link "./setup.ts"} says why a worker.
 * @module
 */
import { hasAdapter } from "../device/open.ts";

self.postMessage(await hasAdapter());
self.close();
