"""The markers that model families put around their reasoning and their answers, in one table.

To support a new family, add its markers here with a source. Markers in lower case match in any case; markers with
capital letters match exactly.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Markers:
    """The strings that open and close a part of a generated text."""

    opening: str
    closing: str
    is_paired: bool = False
    """Whether each string counts only with its partner, because it can be ordinary text."""


REASONING = (
    # DeepSeek-R1, Qwen3-VL, GLM-4.xV, InternVL3.5, MiMo-VL, Ovis2.5, MiniCPM-V 4.5, ERNIE 4.5 VL: their chat templates;
    # vLLM, docs.vllm.ai/en/latest/features/reasoning_outputs
    Markers("<think>", "</think>"),
    # tags that prompts ask for and fine-tuned checkpoints keep; Open WebUI's list of reasoning tags, middleware.py
    Markers("<thinking>", "</thinking>"),
    Markers("<thought>", "</thought>"),  # also EXAONE Deep and Marco-o1
    Markers("<reason>", "</reason>"),
    Markers("<reasoning>", "</reasoning>"),  # also the third stage of LLaVA-CoT
    # Keye-VL decides here whether to think; transformers, tests/models/keye_vl
    Markers("<analysis>", "</analysis>"),
    # the stages of LLaVA-CoT before its conclusion, arXiv 2411.10440
    Markers("<SUMMARY>", "</SUMMARY>"),
    Markers("<CAPTION>", "</CAPTION>"),
    *(
        Markers(f"(Here begins the {stage} stage)", f"(Here ends the {stage} stage)")
        for stage in ("SUMMARY", "CAPTION", "REASONING")
    ),
    # Kimi-VL-Thinking; LLaMA-Factory, template.py, kimi_vl
    Markers("◁think▷", "◁/think▷"),
    # Magistral and Ministral 3; vLLM, mistral_reasoning_parser
    Markers("[THINK]", "[/THINK]"),
    # Seed-OSS; vLLM, seedoss_reasoning_parser
    Markers("<seed:think>", "</seed:think>"),
    # MiniMax-M3; its chat template
    Markers("<mm:think>", "</mm:think>"),
    # Command A Reasoning; llama.cpp, chat.cpp, Command R7B
    Markers("<|START_THINKING|>", "<|END_THINKING|>"),
    # Sky-T1 and OpenThinker; Open WebUI's list
    Markers("<|begin_of_thought|>", "<|end_of_thought|>"),
    # Gemma 4; transformers, tests/models/gemma4
    Markers("<|channel>thought", "<channel|>"),
    # Kimi K3; vLLM, kimi_k3_reasoning_parser
    Markers("<|open|>think<|sep|>", "<|close|>think<|sep|>"),
    # OpenAI's harmony format (InternVL3.5-GPT-OSS); developers.openai.com/cookbook/articles/openai-harmony
    Markers("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    # the same, decoded without its special tokens
    Markers("analysis", "assistantfinal", is_paired=True),
    # Granite 3.2; vLLM, granite_reasoning_parser
    Markers("Here is my thought process:", "Here is my response:", is_paired=True),
    Markers("Here's my thought process:", "Here's my response:", is_paired=True),
)

ANSWER = (
    # GLM-4.1V, GLM-4.5V, GLM-4.6V; arXiv 2507.01006
    Markers("<|begin_of_box|>", "<|end_of_box|>"),
    # Keye-VL, Hunyuan and models trained like R1 (VLM-R1, Vision-R1); vLLM, hunyuan_a13b_reasoning_parser
    Markers("<answer>", "</answer>"),
    # ERNIE 4.5 VL; vLLM, ernie45_reasoning_parser
    Markers("<response>", "</response>"),
    # LLaVA-CoT, arXiv 2411.10440
    Markers("<CONCLUSION>", "</CONCLUSION>"),
    Markers("(Here begins the CONCLUSION stage)", "(Here ends the CONCLUSION stage)"),
    # Marco-o1; its system prompt
    Markers("<output>", "</output>"),
    # tags that prompts ask for
    Markers("<final_answer>", "</final_answer>"),
    Markers("<solution>", "</solution>"),
    # Sky-T1 and OpenThinker; Open WebUI's list
    Markers("<|begin_of_solution|>", "<|end_of_solution|>"),
    # Command A; llama.cpp, chat.cpp, Command R7B
    Markers("<|START_RESPONSE|>", "<|END_RESPONSE|>"),
    Markers("<|START_TEXT|>", "<|END_TEXT|>"),
    # Kimi K3; vLLM, kimi_k3_reasoning_parser
    Markers("<|open|>response<|sep|>", "<|close|>response<|sep|>"),
)
"""LaTeX boxes (`\\boxed{…}`) are handled separately: finding the closing brace takes counting."""

TURN_ENDS = (  # end tokens of chat templates, left over in imported or badly cut answers
    "<|im_end|>",  # Qwen, InternVL
    "<|endoftext|>",  # Qwen, GLM
    "<|eot_id|>",  # Llama 3
    "<|end|>",  # Phi, harmony
    "<|return|>",  # harmony
    "<|user|>",  # GLM
    "<|im_user|>",  # Kimi
    "<|END_OF_TURN_TOKEN|>",  # Command A
    "<|close|>message<|sep|>",  # Kimi K3
    "<end_of_turn>",  # Gemma 3
    "<turn|>",  # Gemma 4
    "<seed:eos>",  # Seed
    "<｜end▁of▁sentence｜>",  # DeepSeek
    "</s>",  # LLaVA, Mistral
)

TURN_STARTS = (  # precede an answer that was decoded with its special tokens
    "<s>",  # LLaVA, Mistral
    "<bos>",  # Gemma
    "<|begin_of_text|>",  # Llama 3
    "<pad>",
    "<unk>",  # LLaVA's padding
    "[/INST]",  # Mistral
    "<|im_start|>assistant",  # Qwen, InternVL
    "<|start_header_id|>assistant<|end_header_id|>",  # Llama 3
    "<start_of_turn>model",  # Gemma 3
    "<|turn>model",  # Gemma 4
    "<|assistant|>",  # GLM, Phi
    "<|im_assistant|>assistant<|im_middle|>",  # Kimi
    "<|start|>assistant<|message|>",  # harmony
)


class MarkerSearch:
    """Finds markers in a text, the longest at each position; fast on texts without markers."""

    def __init__(self, markers: Iterable[str]) -> None:
        ordered = sorted(markers, key=len, reverse=True)
        parts = (f"(?i:{re.escape(one)})" if one.islower() else re.escape(one) for one in ordered)
        self._pattern = re.compile("|".join(parts))
        self._signs = {"<" if "<" in one else one for one in ordered}  # every marker contains one of these

    def __call__(self, text: str) -> list[re.Match[str]]:
        return list(self._pattern.finditer(text)) if any(sign in text for sign in self._signs) else []


def reasoning_tokens(special: Iterable[str]) -> set[str]:
    """The special tokens of a tokenizer that are reasoning markers or parts of one."""
    texts = [text for markers in REASONING for text in (markers.opening, markers.closing)]
    return {token for token in special if any(token in text for text in texts)}
