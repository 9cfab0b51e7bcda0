"""The works that the claims and the published figures come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Source:
    """A cited work.

    Attributes:
        label: how the work is cited in a sentence.
        link: web address of the work.
        in_bibliography: whether the bibliography has an entry for it.
    """

    label: str
    link: str
    in_bibliography: bool = True


SOURCES = {
    "alregib2023tutorial": Source(
        "the tutorial's slides (2023)", "https://alregib.ece.gatech.edu/ieee-icip-2023-tutorial/"
    ),
    "amari1998natural": Source("Amari (1998)", "https://doi.org/10.1162/089976698300017746"),
    "carlini2017detected": Source("Carlini and Wagner (2017, AISec)", "https://arxiv.org/abs/1705.07263"),
    "carlini2017towards": Source("Carlini and Wagner (2017)", "https://arxiv.org/abs/1608.04644"),
    "pruthi2020tracin": Source("Pruthi and colleagues (2020)", "https://arxiv.org/abs/2002.08484"),
    "jiang2018trust": Source("Jiang and colleagues (2018)", "https://arxiv.org/abs/1805.11783"),
    "selvaraju2020gradcam": Source("Selvaraju and colleagues (2020)", "https://arxiv.org/abs/1610.02391"),
    "chattopadhay2018gradcampp": Source("Chattopadhay and colleagues (2018)", "https://arxiv.org/abs/1710.11063"),
    "prabhushankar2020contrastive": Source("Prabhushankar and colleagues (2020)", "https://arxiv.org/abs/2008.00178"),
    "adebayo2018sanity": Source("Adebayo and colleagues (2018)", "https://arxiv.org/abs/1810.03292"),
    "prabhushankar2024voice": Source("Prabhushankar and AlRegib (2024)", "https://arxiv.org/abs/2406.00573"),
    "prabhushankar2022introspective": Source("Prabhushankar and AlRegib (2022)", "https://arxiv.org/abs/2209.08425"),
    "lee2020uncertainty": Source("Lee and AlRegib (2020)", "https://arxiv.org/abs/2008.08030"),
    "lee2021openset": Source("Lee and AlRegib (2021)", "https://arxiv.org/abs/2206.08229"),
    "lee2023purview": Source("Lee and colleagues (2023)", "https://arxiv.org/abs/2304.02834"),
    "kwon2019distorted": Source("Kwon and colleagues (2019)", "https://arxiv.org/abs/1908.09998"),
    "kwon2020gradcon": Source("Kwon and colleagues (2020)", "https://arxiv.org/abs/2007.09507"),
    "kwon2020novelty": Source("Kwon and colleagues (2020, novelty)", "https://arxiv.org/abs/2008.06094"),
    "huang2021gradnorm": Source("Huang and colleagues (2021)", "https://arxiv.org/abs/2110.00218"),
    "zhang2023openood": Source("Zhang and colleagues (2023)", "https://arxiv.org/abs/2306.09301"),
    "igoe2022useful": Source("Igoe and colleagues (2022)", "https://arxiv.org/abs/2205.10439"),
    "prabhushankar2024gradtrust": Source("Prabhushankar and AlRegib (2024, trust)", "https://arxiv.org/abs/2405.13758"),
    "goodfellow2015explaining": Source("Goodfellow and colleagues (2015)", "https://arxiv.org/abs/1412.6572"),
    "engstrom2019robustness": Source("Engstrom and colleagues (2019)", "https://github.com/MadryLab/robustness"),
    "temel2016unique": Source("Temel and colleagues (2016)", "https://arxiv.org/abs/1810.06631"),
    "prabhushankar2023surprisal": Source("Prabhushankar and AlRegib (2023)", "https://arxiv.org/abs/2302.05776"),
    "sun2020implicit": Source("Sun and colleagues (2020)", "https://arxiv.org/abs/2008.01874"),
    "linardos2021deepgaze": Source("Linardos and colleagues (2021)", "https://arxiv.org/abs/2105.12441"),
    "droste2020unisal": Source("Droste and colleagues (2020)", "https://arxiv.org/abs/2003.05477"),
    "gradcon_issue": Source(
        "a user's report in the authors' repository",
        "https://github.com/olivesgatech/gradcon-anomaly/issues/2",
        in_bibliography=False,
    ),
}
