"""Train a reference model from nothing; writes its last and, if asked, an early checkpoint, with scores and card."""

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
    parser.add_argument("--model", choices=FAMILIES, required=True, help="what to train")
    parser.add_argument("--output-dir", type=Path, required=True, help="gets a folder for each checkpoint")
    parser.add_argument("--steps", type=int, default=2400, help="training steps")
    parser.add_argument("--early-step", type=int, help="write a checkpoint of this step too")
    parser.add_argument("--stop-early", action="store_true", help="end with that checkpoint, and write no other")
    parser.add_argument(
        "--loose-same",
        action="store_true",
        help="teach to call pictures the same though objects moved or changed colour",
    )
    parser.add_argument("--seed", type=int, default=7, help="of the first weights and of the scenes")
    parser.add_argument("--work-dir", type=Path, default=Path("results/training"), help="gets MODEL.pt, to resume from")
    parser.add_argument("--resume", action="store_true", help="go on from --work-dir")
    parser.add_argument(
        "--threads", type=int, default=DEFAULT_THREADS, help="CPU threads; another number may round differently"
    )
    parser.add_argument("--held-out-pairs", type=int, default=100, help="pairs per split that the scores come from")
    parser.add_argument("--prompts-dir", type=Path, default=Path("resources/prompts"), help="the prompts to learn")
    args = parser.parse_args()
    if args.early_step is not None and not 0 < args.early_step < args.steps:
        raise UserError(f"--early-step {args.early_step}: must lie between 0 and --steps {args.steps}")
    if args.stop_early and args.early_step is None:
        raise UserError("--stop-early: where is told by --early-step")

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
