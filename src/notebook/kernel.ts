/**
 * The notebook that this code runs in: where displays go, and what happens on "interrupt".
 * @module
 */
import { bundleOf, type MimeBundle, type View } from "./view.ts";

/** A display on its way to a cell. */
export interface DisplayTarget {
  readonly id: string;
  /** Whether it replaces the one with this id wherever that is. */
  readonly update: boolean;
  /** Whether the cell may end right after it. */
  readonly last: boolean;
}

/** Sends one display. */
export type SendDisplay = (bundle: MimeBundle, target: DisplayTarget) => Promise<void>;

interface JupyterKernel {
  broadcast(type: string, content: Readonly<Record<string, unknown>>): Promise<void>;
}

function kernel(): JupyterKernel | null {
  try {
    return (Deno as unknown as { jupyter: JupyterKernel }).jupyter;
  } catch {
    // Outside of a notebook the property throws when it is read, and there is no other way to ask.
    return null;
  }
}

/**
 * Milliseconds after which a display has left for the front end. Deno's kernel may tell that the cell
 * is done before what the cell showed last, and front ends throw away what comes later: one result in
 * fifty was lost without a pause, none with one of a millisecond, all cores being busy.
 */
const SETTLE_MS = 30;

/** Displays in the running cell; without a notebook, as in a script, nothing is shown. */
export const sendToCell: SendDisplay = async (data, { id, update, last }) => {
  const present = kernel();
  if (present === null) return;
  await present.broadcast(update ? "update_display_data" : "display_data", {
    data,
    metadata: {},
    transient: { display_id: id },
  });
  if (last) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
};

/**
 * Shows views and texts in the running cell, one below the other. Unlike the value of a cell's last
 * expression, they arrive for certain.
 */
export async function show(...contents: readonly Content[]): Promise<void> {
  for (const content of contents) {
    await sendToCell(bundleFor(content), { id: crypto.randomUUID(), update: false, last: true });
  }
}

/** What a cell can show. */
export type Content = View | string;

function bundleFor(content: Content) {
  return typeof content === "string" ? { "text/plain": content } : bundleOf(content);
}

/** A display that is replaced in place while work goes on. */
export interface LiveDisplay {
  /** Shows `make()`, unless the last one was shown a moment ago. */
  update(make: () => Content): Promise<void>;
  /** Shows the last state, whenever the one before was shown. */
  finish(last: Content): Promise<void>;
}

/** A live display that is redrawn at most every `intervalMs`. */
export function liveDisplay(
  { send = sendToCell, intervalMs = 500, now = () => performance.now() }: {
    readonly send?: SendDisplay;
    readonly intervalMs?: number;
    readonly now?: () => number;
  } = {},
): LiveDisplay {
  const id = crypto.randomUUID();
  let at = -Infinity;
  let update = false;
  let sent: Promise<void> = Promise.resolve();
  // One after the other, also for a callback of progress that cannot wait: none overtakes another.
  const redraw = (shown: Content, last: boolean) => {
    at = now();
    const target = { id, update, last };
    update = true;
    sent = sent.then(() => send(bundleFor(shown), target));
    return sent;
  };
  return {
    update: async (make) => void (now() - at >= intervalMs && await redraw(make(), false)),
    finish: (shown) => redraw(shown, true),
  };
}

const running = new Set<AbortController>();
let listening = false;

/** Ends what runs in {@linkcode interruptible}; what a notebook's stop button does. */
export function interrupt(): void {
  for (const controller of running) {
    controller.abort(new DOMException("Interrupted", "AbortError"));
  }
}

/**
 * Lets the kernel survive the stop button, which sends SIGINT: without a listener that ends the
 * process and with it everything that the notebook had in memory. Stays for the life of the process.
 */
export function surviveInterrupts(): void {
  if (listening || kernel() === null) return;
  Deno.addSignalListener("SIGINT", interrupt);
  listening = true;
}

/** Runs `work` with a signal that the stop button aborts. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  running.add(controller);
  try {
    return await work(controller.signal);
  } finally {
    running.delete(controller);
  }
}
