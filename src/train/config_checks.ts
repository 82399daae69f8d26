/**
 * What the training config demands beyond single fields, and what is allowed but worth a warning.
 * @module
 */
import type { TrainConfig } from "./config.ts";
import type { CrossCheck } from "./options.ts";

/** Rules over several fields of the training config. */
export const configChecks: readonly CrossCheck<TrainConfig>[] = [
  {
    fields: ["base_model", "smoke"],
    fault: ({ base_model, smoke }) =>
      base_model === null && !smoke
        ? "base_model is missing: give --base_model DIR, or --smoke for a run that needs no files"
        : null,
  },
  {
    fields: ["train_path", "smoke"],
    fault: ({ train_path, smoke }) =>
      train_path === null && !smoke
        ? "train_path is missing: give --train_path FILE, or --smoke for a run that needs no files"
        : null,
  },
  {
    fields: ["max_steps", "num_train_epochs"],
    fault: ({ max_steps, num_train_epochs }) =>
      max_steps <= 0 && num_train_epochs <= 0
        ? `Cannot train for no steps: max_steps is ${max_steps} and num_train_epochs is ` +
          `${num_train_epochs}; set one of them above 0`
        : null,
  },
  {
    fields: ["eval_steps", "val_path", "smoke"],
    fault: ({ eval_steps, val_path, smoke }) =>
      eval_steps > 0 && val_path === null && !smoke
        ? `Cannot evaluate every ${eval_steps} steps: eval_steps needs val_path; ` +
          "give --val_path FILE, or leave eval_steps at 0"
        : null,
  },
  {
    fields: ["early_stopping_patience", "eval_steps", "val_path", "smoke"],
    fault: ({ early_stopping_patience, eval_steps, val_path, smoke }) => {
      if (early_stopping_patience === 0) return null;
      const missing = [
        ...(val_path === null && !smoke ? ["val_path"] : []),
        ...(eval_steps === 0 ? ["eval_steps above 0"] : []),
      ];
      return missing.length > 0
        ? `Cannot stop early: early_stopping_patience ${early_stopping_patience} needs ` +
          `${missing.join(" and ")}; set that, or leave early_stopping_patience at 0`
        : null;
    },
  },
  {
    fields: ["prefix_sharing", "packing"],
    fault: ({ prefix_sharing, packing }) =>
      prefix_sharing && packing
        ? "Cannot use prefix_sharing with packing: both decide which records come together; " +
          "set prefix_sharing or packing to false"
        : null,
  },
  {
    fields: ["prefix_sharing", "completion_only_loss"],
    fault: ({ prefix_sharing, completion_only_loss }) =>
      prefix_sharing && !completion_only_loss
        ? "Cannot use prefix_sharing with completion_only_loss false: where every token is to be " +
          "learned, none is shared; set prefix_sharing to false"
        : null,
  },
  {
    fields: ["method", "init_adapter"],
    fault: ({ method, init_adapter }) =>
      method === "full" && init_adapter !== null
        ? "Cannot use init_adapter with method full: there is no adapter to start; " +
          "use method qlora or lora"
        : null,
  },
];

/**
 * What is allowed but probably not meant, one sentence each.
 *
 * @param totalSteps optimizer steps of the whole run, as planned from the data
 */
export function configWarnings(config: TrainConfig, totalSteps: number): string[] {
  const warnings = [];
  if (config.warmup_steps >= totalSteps) {
    warnings.push(
      `warmup_steps ${config.warmup_steps} is not below the ${totalSteps} steps of the run: ` +
        `the learning rate never reaches ${config.learning_rate}`,
    );
  }
  if (config.eval_steps > totalSteps) {
    warnings.push(
      `eval_steps ${config.eval_steps} is above the ${totalSteps} steps of the run: ` +
        "the eval loss is only computed at the end",
    );
  }
  if (config.learning_rate === 0) {
    warnings.push("learning_rate is 0: nothing will be learned");
  }
  return warnings;
}
