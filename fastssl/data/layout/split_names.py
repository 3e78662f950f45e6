"""Which split the name of a folder means, if any.

Covers: the words for training, validation and test in the forms that data sets use, and a few other languages. Does not
cover: what folders next to each other mean together (`split_folders.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from .words import FILLERS, IMAGE_WORDS, without_fillers, words_of

TRAIN, VAL, TEST = "train", "val", "test"
EVALUATION = "evaluation"
"""Means "val" where there is a test folder, and "test" where there is a validation folder."""
UNCLEAR = "unclear"
"""Several words that contradict each other, such as "test_val"."""

_WORDS = {
    TRAIN: (
        *("train", "trains", "training", "trainings", "trn", "trng", "trainval", "trainvalid"),
        *("entrenamiento", "entrainement", "apprentissage", "treino", "treinamento", "addestramento", "训练", "训练集"),
        *("訓練", "学習", "학습", "훈련", "обучение", "тренировка"),
    ),
    VAL: (
        *("val", "vals", "vali", "vld", "valid", "validate", "validating", "validation", "validations", "dev", "devel"),
        *("development", "tune", "tuning", "validierung", "validacion", "validacao", "validazione", "验证", "验证集"),
        *("検証", "검증", "валидация"),
    ),
    TEST: (
        *("test", "tests", "tst", "testing", "holdout", "heldout", "prueba", "pruebas", "teste", "测试", "测试集"),
        *("テスト", "테스트", "тест", "тестирование"),
    ),
    EVALUATION: ("eval", "evals", "evaluation", "evaluate"),
}
_SPLIT_OF = {word: split for split, words in _WORDS.items() for word in words}
_SHORT = {"tr": TRAIN, "va": VAL, "ts": TEST, "te": TEST}
"""Only next to a word for images, as in imagesTr."""
_ALONE = frozenset(("development", "devel", "tune", "tuning"))
"""Not with other words that may mean something, as in "normal development"."""
_ATTACHED = ("x", *sorted((word for word in FILLERS | IMAGE_WORDS if len(word) > 2), key=len, reverse=True))


@dataclass(frozen=True, kw_only=True)
class SplitName:
    """A folder's name that may mean a split.

    Args:
        split: "train", "val", "test", "evaluation" or "unclear".
        rest: the other words of the name that may mean something: ("covid",) of "train_covid".
    """

    split: str
    rest: tuple[str, ...]

    @property
    def plain(self) -> bool:
        """Return whether the name says nothing else, such as "Training set" or "test1"."""
        return self.split != UNCLEAR and not self.rest


@lru_cache(maxsize=65536)
def split_name(name: str) -> SplitName | None:
    """Read a folder's name as that of a split.

    Args:
        name: of a folder.

    Returns:
        What it may mean, or None where no word of it means a split.
    """
    words = words_of(name)
    meant = [split for word in words if (split := _meaning(word))]
    if not meant and any(word in IMAGE_WORDS for word in words):
        meant = [_SHORT[word] for word in words if word in _SHORT]
    if not meant:
        return None
    rest = without_fillers(word for word in words if not _meaning(word) and word not in _SHORT)
    if rest and any(word in _ALONE for word in words):
        return None
    splits = set(meant)
    if splits == {TRAIN, VAL}:
        splits = {TRAIN}
    return SplitName(split=splits.pop() if len(splits) == 1 else UNCLEAR, rest=rest)


@lru_cache(maxsize=65536)
def _meaning(word: str) -> str | None:
    """The split that a word means, also with another attached to it: "trainset", "testimages", "xtrain"."""
    if word in _SPLIT_OF:
        return _SPLIT_OF[word]
    for end in _ATTACHED:
        for short in (word.removesuffix(end), word.removeprefix(end)):
            if short != word and short in _SPLIT_OF:
                return _SPLIT_OF[short]
    return None
