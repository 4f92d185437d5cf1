"""The sealed panel: it answers admit or not, and nothing else leaves it until it is opened.

Feedback code must not import this module (a test holds that): a score that reaches whatever makes the next batch is
climbed, and the guarantee is gone.
"""

from dataclasses import dataclass

from headwater.decide import Decision, Rule, Transcript, admits_effect, decide
from headwater.gate.panel import ScoringPanel
from headwater.models.learner import Losses


@dataclass(frozen=True, slots=True)
class SealedDecision:
    """A decision together with the recipe it was about. Part of the ledger; not for feedback."""

    recipe: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Certifier:
    """A certification panel with its error budget."""

    panel: ScoringPanel
    clip: float
    """Clip bound, fixed before the first decision."""
    rule: Rule
    delta: float
    """Chance of ever admitting a useless recipe on this panel."""

    def exhausted(self, transcript: Transcript, clip_multiple: float, largest_effect: float) -> bool:
        """Say whether the next decision could not even see an effect larger than any recipe has.

        Every decision raises the next one's threshold. It depends on bits alone, so saying this leaks nothing.

        Args:
            transcript: what has left the panel.
            clip_multiple: the clip bound in standard deviations.
            largest_effect: effect in standard deviations that must still be admitted with probability 0.8.
        """
        threshold = transcript.threshold(self.rule, self.delta)
        return not admits_effect(largest_effect, self.panel.n_units, threshold, clip_multiple)

    def decide(self, transcript: Transcript, without: Losses, with_: Losses) -> Decision:
        """Return the decision on a batch; only ``admitted`` may be acted on while the panel is in use."""
        return decide(
            self.panel.gains(without, with_),
            clip=self.clip,
            transcript=transcript,
            rule=self.rule,
            delta=self.delta,
        )
