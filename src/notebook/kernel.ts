/**
 * The notebook that this code runs in: where displays go, and what happens on "interrupt".
 * @module
 */
import { bundleOf, type MimeBundle, type View } from "./view.ts";

/** Sends one display; `update` replaces the one with this id wherever it is. */
export type SendDisplay = (
  bundle: MimeBundle,
  display: { readonly id: string; readonly update: boolean },
) => Promise<void>;

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

/** Displays in the running cell; without a notebook, as in a script, nothing is shown. */
export const sendToCell: SendDisplay = async (data, { id, update }) => {
  await kernel()?.broadcast(update ? "update_display_data" : "display_data", {
    data,
    metadata: {},
    transient: { display_id: id },
  });
};

/** A display that is replaced in place while work goes on. */
export interface LiveDisplay {
  /** Shows `make()`, unless the last one was shown a moment ago. */
  update(make: () => View): Promise<void>;
  /** Shows the last state, whenever the one before was shown. */
  finish(last: View): Promise<void>;
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
  const show = async (shown: View) => {
    at = now();
    await send(bundleOf(shown), { id, update });
    update = true;
  };
  return {
    update: async (make) => void (now() - at >= intervalMs && await show(make())),
    finish: show,
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
