/**
 * The file in which `deno task tune` keeps the variants that were the fastest on each adapter, and from
 * which the tasks take them. SQLORA_TUNING names another file; "off" stands for none.
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import type { AdapterInfo, Device, Tuning } from "../device/device.ts";
import { openDevice } from "../device/open.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import { tuningFault, variantsHash } from "../ops/tuning.ts";

const fileSchema = z.object({
  format: z.literal(1),
  adapters: z.record(
    z.string(),
    z.object({
      /** {@linkcode variantsHash} when it was measured. */
      variants: z.string(),
      measured: z.string(),
      tuning: z.record(z.string(), z.string()),
    }),
  ),
});

type TuningFile = z.infer<typeof fileSchema>;

/** Where the file is: null for nowhere. */
export function tuningPath(
  variable: (name: string) => string | undefined = (name) => Deno.env.get(name),
): string | null {
  const given = variable("SQLORA_TUNING");
  if (given) return given === "off" ? null : given;
  const home = variable("HOME") || variable("USERPROFILE");
  const cache = variable("XDG_CACHE_HOME") || (home && join(home, ".cache"));
  return cache ? join(cache, "sqlora", "tuning.json") : null;
}

/**
 * Opens the default adapter with what was measured for it, if that was done. A file that cannot be
 * used is told to `note` and changes nothing. Throws what {@linkcode openDevice} throws.
 */
export async function openTunedDevice(
  { path = tuningPath(), note = console.error }: {
    path?: string | null;
    note?: (text: string) => void;
  } = {},
): Promise<Device> {
  const device = await openDevice();
  if (path === null) return device;
  const { tuning = {}, fault } = await readTuning(device, path);
  device.tuning = tuning;
  if (fault) {
    note(
      `Note: the tuning in ${path} is not used: ${fault}; run \`deno task tune\` again, or set ` +
        "SQLORA_TUNING=off",
    );
  }
  return device;
}

async function readTuning(
  device: Device,
  path: string,
): Promise<{ tuning?: Tuning; fault?: string }> {
  const file = await readFile(path);
  if (file === null) return {};
  if (typeof file === "string") return { fault: file };
  const found = file.adapters[keyOf(device.info)];
  if (!found) return {};
  if (found.variants !== await variantsHash()) {
    return { fault: "it was measured with other versions of the kernels" };
  }
  const fault = tuningFault(device, found.tuning);
  return fault === null ? { tuning: found.tuning } : { fault };
}

/** Puts the tuning of an adapter into the file, beside those of other adapters. */
export async function writeTuning(
  path: string,
  adapter: AdapterInfo,
  tuning: Tuning,
): Promise<void> {
  const old = await readFile(path);
  const others = old === null || typeof old === "string" ? {} : old.adapters;
  const variants = await variantsHash();
  const entry = { variants, measured: new Date().toISOString(), tuning: { ...tuning } };
  const file: TuningFile = { format: 1, adapters: { ...others, [keyOf(adapter)]: entry } };
  await writeFileAtomic(path, JSON.stringify(file, null, 2) + "\n");
}

/** The file, null where there is none, or what is wrong with it. */
async function readFile(path: string): Promise<TuningFile | string | null> {
  try {
    return fileSchema.parse(JSON.parse(await Deno.readTextFile(path)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    if (error instanceof SyntaxError || error instanceof z.ZodError) return "it is damaged";
    return error instanceof Error ? error.message : String(error);
  }
}

/** WebGPU tells no version of the driver, but many drivers put theirs into the adapter's name. */
function keyOf({ vendor, name }: AdapterInfo): string {
  return `${vendor} ${name}`;
}
