/**
 * Downloads from the Hub as a task does it: with the environment's cache and token, and progress on
 * standard error.
 * @module
 */
import type { HubEvent, HubOptions, HubSnapshot } from "../formats/hub.ts";
import { formatBytes, formatDuration } from "./format.ts";
import { hubEnvironment } from "./hub_environment.ts";
import type { ProgressStream } from "./progress.ts";

/** Settings of {@linkcode fromHub}. */
export interface FromHubOptions {
  readonly signal?: AbortSignal;
  /** Show nothing. */
  readonly quiet?: boolean;
  /** Gets some of the events, for a program that reads them. */
  readonly onEvent?: (event: HubEvent) => void;
}

/** Calls `download` with the settings of this process; `name` is what people are shown. */
export async function fromHub(
  name: string,
  { signal, quiet = false, onEvent }: FromHubOptions,
  download: (options: HubOptions) => Promise<HubSnapshot>,
): Promise<HubSnapshot> {
  const environment = await hubEnvironment();
  const show = quiet ? null : createDownloadDisplay(name, { stream: Deno.stderr });
  const tell = onEvent && spacedOut(onEvent, EVENT_INTERVAL_MS);
  try {
    return await download({
      ...environment,
      signal,
      onEvent: (event) => {
        show?.event(event);
        tell?.(event);
      },
    });
  } finally {
    show?.done();
  }
}

const EVENT_INTERVAL_MS = 1000;
const LINE_INTERVAL_MS = 10_000;
const REDRAW_MS = 100;

/** Passes on every event, but of those of progress only the ends of files and one now and then. */
export function spacedOut(
  onEvent: (event: HubEvent) => void,
  intervalMs: number,
  now = () => performance.now(),
): (event: HubEvent) => void {
  let at = -Infinity;
  return (event) => {
    if (event.type === "progress" && event.received < event.size && now() - at < intervalMs) return;
    at = now();
    onEvent(event);
  };
}

/** An open display; end it with `done`. */
export interface DownloadDisplay {
  event(event: HubEvent): void;
  done(): void;
}

/** Shows a download: a line that is rewritten on a terminal, elsewhere a plain one now and then. */
export function createDownloadDisplay(
  name: string,
  { stream, now = () => performance.now() }: { stream: ProgressStream; now?: () => number },
): DownloadDisplay {
  const inPlace = stream.isTerminal();
  let open = false;
  let begin: { at: number; received: number } | null = null;
  const write = (text: string) => void stream.writeSync(new TextEncoder().encode(text));
  const say = (text: string) => {
    write(`${open ? "\r\x1b[K" : ""}${text}\n`);
    open = false;
  };
  const draw = spacedOut(
    (event) => {
      if (event.type !== "progress") return;
      begin ??= { at: now(), received: event.totalReceived };
      const text = progressLine(name, event, { ...begin, now: now() });
      if (!inPlace) return say(text);
      write(`\r${text}\x1b[K`);
      open = true;
    },
    inPlace ? REDRAW_MS : LINE_INTERVAL_MS,
    now,
  );
  return {
    event(event) {
      switch (event.type) {
        case "progress":
          return draw(event);
        case "retry":
          return say(`${event.reason}\nTrying again in ${(event.delayMs / 1000).toFixed(1)} s`);
        case "wait":
          return say(`Waiting for another process that downloads ${event.file} of ${name}`);
        case "unverified":
          return say(`Note: the server names no digest for ${event.file}; its length is checked`);
        case "cached":
          return say(`${event.reason}\nUsing ${event.repo} as it was downloaded earlier`);
      }
    },
    done() {
      if (open) write("\n");
      open = false;
    },
  };
}

/** `Downloading a/b: 1.2 GiB of 13.5 GiB  9%  85.3 MiB/s  ETA 2m 25s  model-00001.safetensors` */
function progressLine(
  name: string,
  { file, totalReceived, totalSize }: HubEvent & { type: "progress" },
  { at, received, now }: { at: number; received: number; now: number },
): string {
  const rate = (totalReceived - received) / ((now - at) / 1000);
  const pace = rate > 0 && Number.isFinite(rate)
    ? [
      `${formatBytes(rate)}/s`,
      ...(totalReceived < totalSize
        ? [`ETA ${formatDuration((totalSize - totalReceived) / rate)}`]
        : []),
    ]
    : [];
  const percent = totalSize > 0 ? Math.floor(100 * totalReceived / totalSize) : 100;
  return [
    `Downloading ${name}: ${formatBytes(totalReceived)} of ${formatBytes(totalSize)}`,
    `${percent}%`,
    ...pace,
    file,
  ].join("  ");
}
