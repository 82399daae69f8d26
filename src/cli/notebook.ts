/**
 * `deno task notebook`: opens the notebooks in Jupyter, or runs the walkthrough anew.
 * @module
 */
import { join } from "node:path";
import { z } from "zod";
import { ToolError } from "../errors.ts";
import { writeFileAtomic } from "../formats/atomic.ts";
import { describeSchema, resolveOptions } from "../train/options.ts";
import { readLayers } from "./args.ts";
import { helpText } from "./help.ts";
import { ensureKernel, findJupyter, type Jupyter, thisComputer } from "./jupyter.ts";
import { stageNotebooks } from "./stage_notebooks.ts";
import { EXIT, runTask } from "./task.ts";

const SOURCE = "notebooks/01_finetune_text2sql.ipynb";
const WALKTHROUGH = "notebooks/walkthrough.ipynb";

const notebookSchema = z.object({
  config: z.string().min(1).nullable().default(null).meta({
    group: "Notebook",
    description: "YAML file of these options.",
    value: "FILE",
  }),
  render: z.boolean().default(false).meta({
    group: "Notebook",
    description: `Run ${SOURCE} and write it with its outputs to ${WALKTHROUGH}.`,
  }),
});

const HELP = {
  usage: "deno task notebook [--render]",
  summary: "Opens the notebooks in Jupyter, with the Deno kernel installed.",
  examples: ["deno task notebook", "deno task notebook --render"],
};

await runTask(async () => {
  const options = describeSchema(notebookSchema);
  const { help, layers } = readLayers(Deno.args, options);
  if (help) return console.log(helpText({ ...HELP, options }));
  const { render } = resolveOptions(notebookSchema, layers);
  const jupyter = await findJupyter(thisComputer);
  await ensureKernel(thisComputer, jupyter);
  await (render ? renderWalkthrough(jupyter) : open(jupyter));
});

async function open({ program, subcommand }: Jupyter): Promise<void> {
  // Jupyter refuses to serve root without being told to.
  const root = Deno.build.os !== "windows" && Deno.uid() === 0 ? ["--allow-root"] : [];
  const args = [subcommand, SOURCE, ...root];
  console.log(`${program} ${args.join(" ")}`);
  const { code } = await new Deno.Command(program, { args }).spawn().status;
  if (code !== 0) Deno.exit(EXIT.failed);
}

/** Runs the notebook as it stands, in a folder of its own: the user's outputs stay as they are. */
async function renderWalkthrough({ program }: Jupyter): Promise<void> {
  console.log(`Running ${SOURCE} ...`);
  const folder = await Deno.makeTempDir({ prefix: "sqlora-walkthrough-" });
  try {
    await stageNotebooks(Deno.cwd(), folder);
    const execute = ["nbconvert", "--to", "notebook", "--execute", "--stdout"];
    const done = await thisComputer.run([program, ...execute, join(folder, SOURCE)]);
    if (!done?.success) {
      const reason = done?.stderr.trim() || "Jupyter is gone";
      throw new ToolError(
        `Cannot run ${SOURCE}: ${reason}; where nbconvert is missing, install it (pip: nbconvert, ` +
          "Debian: jupyter-nbconvert)",
        program,
      );
    }
    await writeFileAtomic(WALKTHROUGH, withoutTimes(done.stdout));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  console.log(`Written to ${WALKTHROUGH}`);
}

/** When each cell ran is noise in a file under version control. */
function withoutTimes(json: string): string {
  const notebook = JSON.parse(json);
  for (const cell of notebook.cells) delete cell.metadata.execution;
  return JSON.stringify(notebook, null, 1) + "\n";
}
