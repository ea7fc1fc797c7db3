"""Train a reference model from scratch; writes the final and optionally an early checkpoint, with scores and card."""

import argparse
from pathlib import Path

import torch

from spd_faith.core.errors import UserError, run_command
from spd_faith.inference.prompts import load_prompts
from spd_faith.reference_models import internvl, llava, qwen2_vl
from spd_faith.reference_models.card import DEFAULT_THREADS, Training, folder_name, write_card
from spd_faith.reference_models.evaluation import evaluate
from spd_faith.reference_models.training import Recipe, Trainer

FAMILIES = {"tiny-qwen2-vl": qwen2_vl, "tiny-internvl": internvl, "tiny-llava": llava}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--model", choices=FAMILIES, required=True, help="model to train")
    parser.add_argument("--output-dir", type=Path, required=True, help="folder for the checkpoints, one subfolder each")
    parser.add_argument("--steps", type=int, default=2400, help="training steps")
    parser.add_argument("--early-step", type=int, help="also write a checkpoint of this step")
    parser.add_argument("--stop-early", action="store_true", help="stop at --early-step and write only that checkpoint")
    parser.add_argument(
        "--loose-same",
        action="store_true",
        help="train it to call images the same even if objects moved or changed colour",
    )
    parser.add_argument("--seed", type=int, default=7, help="seed of the initial weights and the scenes")
    parser.add_argument(
        "--work-dir", type=Path, default=Path("results/training"), help="folder for MODEL.pt, the state to resume from"
    )
    parser.add_argument("--resume", action="store_true", help="resume from the state in --work-dir")
    parser.add_argument(
        "--threads", type=int, default=DEFAULT_THREADS, help="CPU threads; other numbers may round differently"
    )
    parser.add_argument("--held-out-pairs", type=int, default=100, help="pairs per split in the evaluation")
    parser.add_argument(
        "--prompts-dir", type=Path, default=Path("resources/prompts"), help="folder of the prompts to train on"
    )
    args = parser.parse_args()
    if args.early_step is not None and not 0 < args.early_step < args.steps:
        raise UserError(f"--early-step {args.early_step}: must be between 0 and --steps {args.steps}")
    if args.stop_early and args.early_step is None:
        raise UserError("--stop-early requires --early-step")

    torch.set_num_threads(args.threads)
    prompts = load_prompts(args.prompts_dir)
    recipe = Recipe(steps=args.steps, seed=args.seed, early_step=args.early_step, loose_same=args.loose_same)
    family = FAMILIES[args.model]
    trainer = Trainer(family, prompts, recipe)
    state = args.work_dir / f"{args.model}.pt"
    if args.resume:
        trainer.load_state(state)
    trainer.run(state, until=recipe.early_step if args.stop_early else None)

    checkpoints = [] if args.stop_early else [(recipe.steps, trainer.model.state_dict())]
    if recipe.early_step is not None:
        checkpoints.append((recipe.early_step, trainer.early_weights))
    for step, weights in checkpoints:
        training = Training(
            model=args.model,
            architecture=type(trainer.model).__name__,
            parameters=trainer.model.num_parameters(),
            recipe=recipe,
            step=step,
            minutes=round(trainer.seconds / 60, 1),
            threads=args.threads,
            stopped_early=args.stop_early,
        )
        folder = args.output_dir / folder_name(training)
        trainer.export(folder, weights)
        scores = evaluate(folder, prompts, args.held_out_pairs, family.IMAGE_LAYOUT)
        write_card(folder, training, family, scores)
        print(f"{folder}: written")


if __name__ == "__main__":
    run_command(main)
