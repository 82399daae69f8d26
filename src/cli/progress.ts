/**
 * Shows how far a task is: on a terminal one line that is rewritten in place, elsewhere a plain line
 * every so often, or events for programs. It knows nothing about training.
 * @module
 */
import {
  formatBar,
  formatBytes,
  formatCount,
  formatDuration,
  formatLearningRate,
  formatLoss,
  sparkline,
} from "./format.ts";

/** Where progress is written: `Deno.stdout` and `Deno.stderr` fit. */
export interface ProgressStream {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

/** One step's numbers; those that a task does not have are left out. */
export interface ProgressUpdate {
  /** Steps done, from 1. */
  readonly step: number;
  readonly loss?: number;
  readonly learningRate?: number;
  readonly tokensPerSecond?: number;
  readonly gpuBytes?: number;
}

/** Settings of {@linkcode createProgress}. */
export interface ProgressOptions {
  /** Steps in all. */
  readonly total: number;
  /** Steps done before this run, for a resumed one. */
  readonly start?: number;
  /** Write nothing for people. */
  readonly quiet?: boolean;
  /** Write events, and nothing for people. */
  readonly json?: boolean;
  /** Default `Deno.stdout`. */
  readonly stream?: ProgressStream;
  /** Milliseconds between plain lines where there is no terminal. Default 10 000. */
  readonly plainInterval?: number;
  /** Width of the terminal. */
  readonly columns?: () => number;
  /** Clock in milliseconds. */
  readonly now?: () => number;
}

/** Open progress; end it with `done`. */
export interface Progress {
  /** Shows a step, to people only. */
  update(update: ProgressUpdate): void;
  /** Prints text above the line, to people only. */
  log(text: string): void;
  /** Prints one JSON object on a line of its own, only with `json`. */
  event(event: object): void;
  /** Leaves the last state on the screen. */
  done(): void;
}

/** Opens a progress display. */
export function createProgress(options: ProgressOptions): Progress {
  const { total, start = 0, quiet = false, json = false, stream = Deno.stdout } = options;
  const { plainInterval = 10_000, columns = terminalColumns, now = () => performance.now() } =
    options;
  const silent = quiet || json;
  const inPlace = !silent && stream.isTerminal();
  const losses: number[] = [];
  let last = { step: start, at: now() };
  let secondsPerStep = NaN;
  let shownAt = -Infinity;
  let line = "";

  const write = (text: string) => {
    const bytes = new TextEncoder().encode(text);
    for (let done = 0; done < bytes.length;) done += stream.writeSync(bytes.subarray(done));
  };

  return {
    update(update) {
      if (silent) return;
      const at = now();
      if (update.step > last.step) {
        const latest = (at - last.at) / 1000 / (update.step - last.step);
        // Smoothed, since one slow step (an evaluation, a checkpoint) says little about the rest.
        secondsPerStep = Number.isNaN(secondsPerStep)
          ? latest
          : secondsPerStep * 0.8 + latest * 0.2;
        last = { step: update.step, at };
      }
      if (update.loss !== undefined) losses.push(update.loss);
      if (losses.length > 64) losses.shift();
      const state = { update, total, losses, eta: secondsPerStep * (total - update.step) };
      if (inPlace) {
        line = fitLine(state, columns() - 1);
        write(`\r${line}\x1b[K`);
      } else if (at - shownAt >= plainInterval || update.step >= total) {
        shownAt = at;
        write(`${plainLine(state)}\n`);
      }
    },
    log(text) {
      if (silent) return;
      write(inPlace && line !== "" ? `\r\x1b[K${text}\n${line}` : `${text}\n`);
    },
    event(event) {
      if (json) write(`${JSON.stringify(event)}\n`);
    },
    done() {
      if (line !== "") write("\n");
      line = "";
    },
  };
}

function terminalColumns(): number {
  try {
    return Deno.consoleSize().columns;
  } catch {
    // Standard output is a terminal, but the terminal does not tell its size.
    return 80;
  }
}

/** What a line is made from. */
export interface ProgressState {
  readonly update: ProgressUpdate;
  readonly total: number;
  /** Recent losses, oldest first. */
  readonly losses: readonly number[];
  /** Seconds left. */
  readonly eta: number;
}

/** All parts of a line in their order; those with the greatest `rank` go first where space is short. */
function parts({ update, total, losses, eta }: ProgressState): { text: string; rank: number }[] {
  const { step, loss, learningRate, tokensPerSecond, gpuBytes } = update;
  const has = (value: number | undefined, rank: number, show: (value: number) => string) =>
    value === undefined ? [] : [{ text: show(value), rank }];
  return [
    { text: `step ${step}/${total}`, rank: 0 },
    { text: formatBar(step / total, 16), rank: 6 },
    ...has(loss, 1, (value) => `loss ${formatLoss(value)}`),
    ...(losses.length > 1 ? [{ text: sparkline(losses, 16), rank: 7 }] : []),
    ...has(learningRate, 4, (value) => `lr ${formatLearningRate(value)}`),
    ...has(tokensPerSecond, 3, (value) => `${formatCount(value)} tok/s`),
    ...has(gpuBytes, 5, formatBytes),
    ...(step < total ? [{ text: `ETA ${formatDuration(eta)}`, rank: 2 }] : []),
  ];
}

const SEPARATOR = "  ";

/** The line for a terminal: as many parts as fit into `width` columns, the important ones first. */
export function fitLine(state: ProgressState, width: number): string {
  let chosen = parts(state);
  const text = () => chosen.map((part) => part.text).join(SEPARATOR);
  while (chosen.length > 1 && text().length > width) {
    const lowest = Math.max(...chosen.map((part) => part.rank));
    chosen = chosen.filter((part) => part.rank !== lowest);
  }
  return text().slice(0, Math.max(0, width));
}

/** The line for a log file: every number, without the drawings. */
export function plainLine(state: ProgressState): string {
  return parts(state).filter(({ rank }) => rank < 6).map(({ text }) => text).join(SEPARATOR);
}
