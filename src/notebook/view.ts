/**
 * What a cell shows: one content in several MIME types, of which a front end takes the best that it
 * knows. Every bundle has plain text, so that nothing stays blank.
 * @module
 */

/** Content by MIME type; `text/plain` is always there. */
export interface MimeBundle {
  readonly "text/plain": string;
  readonly [type: string]: unknown;
}

const DISPLAY = Symbol.for("Jupyter.display");
const INSPECT = Symbol.for("Deno.customInspect");

/** Something that a cell shows when it is the cell's last expression. */
export interface View {
  /** What Deno's kernel asks for. */
  readonly [DISPLAY]: () => MimeBundle;
  /** What `console.log` prints. */
  readonly [INSPECT]: () => string;
}

/** A view of `bundle`. */
export function view(bundle: MimeBundle): View {
  return { [DISPLAY]: () => bundle, [INSPECT]: () => bundle["text/plain"] };
}

/** `value` with a view of it, for results that are both data and something to look at. */
export function withView<T extends object>(value: T, bundle: MimeBundle): T & View {
  return { ...value, ...view(bundle) };
}

/** The content of a view. */
export function bundleOf(shown: View): MimeBundle {
  return shown[DISPLAY]();
}

/** Views one below the other, as HTML where all of them have it. */
export function stack(views: readonly View[]): View {
  const bundles = views.map(bundleOf);
  const text = bundles.map((bundle) => bundle["text/plain"]).join("\n\n");
  const html = bundles.map(htmlOf);
  return view({
    "text/plain": text,
    ...(html.every((part) => part !== null) ? { "text/html": html.join("\n") } : {}),
  });
}

function htmlOf(bundle: MimeBundle): string | null {
  const html = bundle["text/html"] ?? bundle["image/svg+xml"];
  return typeof html === "string" ? html : null;
}
