/**
 * What tests of notebook functions share: what was shown, in a list, and settings of a tiny run.
 */
import { notebookSettings, type RunSettings } from "../../src/notebook/settings.ts";
import { bundleOf, type MimeBundle, type View } from "../../src/notebook/view.ts";
import type { TrainConfig } from "../../src/train/config.ts";
import { type TempFolder, tinyOptions } from "../train/support.ts";

/** What a view is as plain text. */
export const textOf = (shown: View): string => bundleOf(shown)["text/plain"];

/** Keeps what is shown instead of showing it. */
export function recorder() {
  const texts: string[] = [];
  const bundles: MimeBundle[] = [];
  return {
    texts,
    bundles,
    send: (bundle: MimeBundle) => {
      texts.push(bundle["text/plain"]);
      bundles.push(bundle);
      return Promise.resolve();
    },
  };
}

/** Settings of a run of four steps with a tiny model. */
export async function tinySettings(
  folder: TempFolder,
  options: Partial<TrainConfig> = {},
): Promise<RunSettings> {
  return await notebookSettings(await tinyOptions(folder, { max_steps: 4, ...options }));
}
