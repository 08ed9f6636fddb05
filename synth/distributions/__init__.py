"""Numbers that a recipe can ask for: one model a kind, and the shorthands that people write.

3                                   always 3
[2, 6]  {min: 2, max: 6}            uniform
{loguniform: [0.5, 2]}              uniform in the logarithm, for factors
{normal: [5, 0.5]}                  Gaussian: mean, standard deviation
{truncated: [5, 0.5, 4, 6]}         Gaussian within bounds: mean, standard deviation, low, high
{integers: [1, 6]}                  whole numbers, both ends included
{choice: [1, 2, 4]}  {choice: {1: 0.7, 2: 0.3}}
{sequence: [0, 90, 180, 270]}       one after the other, by frame
{halton: [0, 1], base: 3}  {sobol: [0, 1], dimension: 1}    evenly spread over the frames
{kind: linear, of: sun.intensity, slope: 2, offset: 1, noise: 0.1}
{kind: copula, of: sun.intensity, rho: 0.8, like: [0, 1]}
{if: sun.intensity > 2, then: [0, 1], else: 0}
"""

from typing import Annotated

from pydantic import BeforeValidator, Field
from typing_extensions import TypeAliasType

from twinstage.synth.distributions.base import NumberSource
from twinstage.synth.distributions.bounds import bounded
from twinstage.synth.distributions.continuous import Constant, LogUniform, Normal, Uniform
from twinstage.synth.distributions.dependent import Conditional, Copula, Linear
from twinstage.synth.distributions.discrete import Choice, Integers, Sequence
from twinstage.synth.distributions.even import Halton, Sobol
from twinstage.synth.distributions.shorthand import WRITTEN, checked_form
from twinstage.synth.model import AlsoWritten

__all__ = [
    "Choice",
    "Conditional",
    "Constant",
    "Copula",
    "Distribution",
    "Elevation",
    "Halton",
    "Integers",
    "Kelvin",
    "Linear",
    "LogUniform",
    "Normal",
    "NotNegative",
    "NumberSource",
    "Positive",
    "Sequence",
    "Share",
    "Sobol",
    "Uniform",
    "bounded",
]

Distribution = TypeAliasType(
    "Distribution",
    Annotated[
        Annotated[
            Constant
            | Uniform
            | LogUniform
            | Normal
            | Integers
            | Choice
            | Sequence
            | Halton
            | Sobol
            | Linear
            | Copula
            | Conditional,
            Field(discriminator="kind"),
        ],
        BeforeValidator(checked_form),
        AlsoWritten(*WRITTEN),
    ],
)
"""A number to draw: a model by `kind`, or a shorthand (see above). By its name a JSON Schema holds it once."""

NotNegative = Annotated[Distribution, bounded(0)]
Positive = Annotated[Distribution, bounded(above=0)]
Share = Annotated[Distribution, bounded(0, 1)]
Kelvin = Annotated[Distribution, bounded(1000, 15_000)]
"""Colour temperatures of lights."""
Elevation = Annotated[Distribution, bounded(-90, 90)]
"""Degrees above the horizon."""

for _model in (Copula, Conditional):
    _model.model_rebuild(_types_namespace={"Distribution": Distribution})
