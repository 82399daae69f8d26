/**
 * Whether the training steps that the bench times compute what they should.
 * @module
 */
import { KernelError } from "../errors.ts";
import { WEIGHT_SPREAD } from "../model/synthetic.ts";
import type { StepResult } from "../train/step.ts";
import type { TrainableModel } from "./bench_model.ts";

/** What kept and computed again may differ by, relatively: sums over other stretches of rows. */
const ROUNDING = 1e-5;

/** How far the first loss may be off besides chance: what steps of a series before have taught. */
const LEARNT = 0.5;

/**
 * Takes a step, and then two that change nothing, with checkpointing and without.
 * Throws {@linkcode KernelError} where a loss or gradient norm is not finite, the first loss is not
 * that of made-up weights, or checkpointing makes a difference.
 */
export async function checkStep(
  name: string,
  { model: { config }, step }: StepUnderTest,
  tokens: number,
): Promise<void> {
  const require = (holds: boolean, fault: string) => {
    if (!holds) throw new KernelError(`${name} is wrong: ${fault}`, { kernel: name });
  };
  const first = await step(tokens, { checkpointing: true, learningRate: 1e-4 });
  const kept = await step(tokens, { checkpointing: false });
  const again = await step(tokens, { checkpointing: true });
  for (const { loss, gradNorm } of [first, kept, again]) {
    require(Number.isFinite(loss), `its loss is ${loss}`);
    require(Number.isFinite(gradNorm) && gradNorm > 0, `its gradient norm is ${gradNorm}`);
  }
  const { loss, spread } = untrainedLoss(config, first.targets);
  require(
    Math.abs(first.loss - loss) <= LEARNT + 4 * spread,
    `its first loss is ${first.loss}, that of made-up weights is about ${loss}`,
  );
  for (const what of ["loss", "gradNorm"] as const) {
    require(
      Math.abs(again[what] - kept[what]) <= ROUNDING * kept[what],
      `${what} is ${again[what]} with checkpointing and ${kept[what]} without`,
    );
  }
}

/** As much of a {@linkcode TrainableModel} as is checked. */
export interface StepUnderTest {
  readonly model: {
    readonly config: Pick<TrainableModel["model"]["config"], "hiddenSize" | "vocabularySize">;
  };
  step(...args: Parameters<TrainableModel["step"]>): Promise<StepResult>;
}

/**
 * The mean loss of so many targets with made-up weights and its standard deviation. The last norm's
 * result has the mean square 1, so logits are normal with a variance σ² of `hiddenSize` times that of
 * a weight, and the loss of a target is ln(vocabulary) + σ²/2 minus one of them.
 */
function untrainedLoss(
  { hiddenSize, vocabularySize }: StepUnderTest["model"]["config"],
  targets: number,
): { loss: number; spread: number } {
  const variance = hiddenSize * WEIGHT_SPREAD ** 2;
  return {
    loss: Math.log(vocabularySize) + variance / 2,
    spread: Math.sqrt(variance / targets),
  };
}
