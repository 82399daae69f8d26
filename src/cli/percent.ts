/**
 * Progress of tasks that read or write many bytes.
 * @module
 */

/** Told how far a stage is. */
export type Report = (stage: string, bytes: number, total: number) => void;

/** Prints how far each stage is, each per cent once: on one line, or as JSON events. */
export function percentReporter({ quiet, json }: { quiet: boolean; json: boolean }): Report {
  let last = "";
  return (stage, bytes, total) => {
    const percent = Math.min(100, Math.floor(100 * bytes / total));
    if (quiet || last === `${stage} ${percent}`) return;
    last = `${stage} ${percent}`;
    if (json) console.log(JSON.stringify({ type: "progress", stage, bytes, total }));
    else Deno.stdout.writeSync(new TextEncoder().encode(`\r${stage.padEnd(11)}${percent} %`));
  };
}
