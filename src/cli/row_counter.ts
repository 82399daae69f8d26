/**
 * Shows how many rows are read, where nobody knows how many there are.
 * @module
 */
import { formatDuration } from "./format.ts";
import type { ProgressStream } from "./progress.ts";

/** What is shown. */
export interface RowState {
  readonly file: string;
  readonly rows: number;
  readonly dropped: number;
}

/** An open display; end it with `done`. */
export interface RowCounter {
  /** Cheap enough to be called for every row. */
  update(state: RowState): void;
  /** Takes the line away. */
  done(): void;
}

const PER_SECOND = 1000;

/** A line that is rewritten in place on a terminal, and a line every ten seconds elsewhere. */
export function createRowCounter(
  { silent = false, stream = Deno.stdout, now = () => performance.now() }: {
    readonly silent?: boolean;
    readonly stream?: ProgressStream;
    readonly now?: () => number;
  } = {},
): RowCounter {
  const inPlace = !silent && stream.isTerminal();
  const started = now();
  const interval = inPlace ? PER_SECOND / 5 : 10 * PER_SECOND;
  let next = started + interval;
  let shown = false;
  const write = (text: string) => void stream.writeSync(new TextEncoder().encode(text));
  return {
    update({ file, rows, dropped }) {
      if (silent || now() < next) return;
      next = now() + interval;
      const seconds = (now() - started) / PER_SECOND;
      const line = `${rows} rows, ${dropped} dropped, ${Math.round(rows / seconds)} rows/s, ` +
        `${formatDuration(seconds)}  ${file.slice(-40)}`;
      write(inPlace ? `\r${line}\x1b[K` : `${line}\n`);
      shown = true;
    },
    done() {
      if (inPlace && shown) write("\r\x1b[K");
    },
  };
}
