"""The literature behind what a report shows: one entry per method used, as HTML and as BibTeX."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from markupsafe import Markup


class Topic(StrEnum):
    """What a reference is cited for."""

    DECISION = "decision"
    MODEL = "model"
    COLLAPSE = "collapse"
    SELECTION = "selection"
    CHECKS = "checks"
    MEASURES = "measures"
    LAB = "lab"
    DETECTION = "detection"
    CONFORMAL = "conformal"
    SHARE = "corpus share"
    MARKS = "marks"


@dataclass(frozen=True, slots=True)
class Reference:
    """A published work."""

    key: str
    """Citation key."""
    topic: Topic
    authors: tuple[str, ...]
    """``Family, Given``, in the order of the work; ``others`` where the list is cut."""
    title: str
    year: int
    where: str
    """Journal with volume and pages, proceedings, or publisher."""
    used_for: str
    """What it stands for in a report."""
    kind: str = "article"
    """BibTeX entry type."""
    doi: str = ""
    arxiv: str = ""
    url: str = ""
    """Address of a specification, which has neither."""
    also: str = ""
    """A second key it goes by: the year of the preprint or of the proceedings, whichever ``key`` does not have."""

    @property
    def link(self) -> str:
        """Return the address of the work, empty for books without one."""
        if self.doi:
            return f"https://doi.org/{self.doi}"
        return f"https://arxiv.org/abs/{self.arxiv}" if self.arxiv else self.url

    @property
    def names(self) -> str:
        """Return the authors as ``Given Family, Given Family and Given Family``."""
        people = [" ".join(reversed(author.split(", "))) for author in self.authors]
        return " and ".join([", ".join(people[:-1]), people[-1]]) if len(people) > 1 else people[0]

    def html(self) -> Markup:
        """Return the entry as HTML, everything in it escaped."""
        title = Markup("<cite>{}</cite>").format(self.title)
        if self.link:
            title = Markup('<a href="{}" rel="noreferrer">{}</a>').format(self.link, title)
        return Markup("{} ({}). {}. {}.").format(self.names, self.year, title, self.where)

    def bibtex(self) -> str:
        """Return the entry as BibTeX."""
        venue = {"article": "journal", "inproceedings": "booktitle", "book": "publisher", "misc": "howpublished"}
        fields = {
            "author": " and ".join(self.authors),
            "title": f"{{{self.title}}}",
            "year": str(self.year),
            venue[self.kind]: self.where,
            "doi": self.doi,
            "eprint": self.arxiv,
            "archiveprefix": "arXiv" if self.arxiv else "",
            "url": self.url,
        }
        lines = [f"  {key} = {{{value}}}," for key, value in fields.items() if value]
        return "\n".join([f"@{self.kind}{{{self.key},", *lines, "}"])


def references(topics: Iterable[Topic]) -> list[Reference]:
    """Return the references of some topics, in the order of ``REFERENCES``."""
    wanted = set(topics)
    return [reference for reference in REFERENCES if reference.topic in wanted]


def cited(keys: Iterable[str]) -> tuple[list[Reference], list[str]]:
    """Return the references of some keys, in the order of ``REFERENCES``, and the keys that nothing is known by."""
    wanted = set(keys)
    known = {key for entry in REFERENCES for key in (entry.key, entry.also)}
    return [entry for entry in REFERENCES if wanted & {entry.key, entry.also} - {""}], sorted(wanted - known)


def bibtex(entries: Iterable[Reference]) -> str:
    """Return references as one BibTeX file."""
    return "\n\n".join(entry.bibtex() for entry in entries) + "\n"


REFERENCES: tuple[Reference, ...] = (
    Reference(
        "ville1939",
        Topic.DECISION,
        ("Ville, Jean",),
        "Étude critique de la notion de collectif",
        1939,
        "Gauthier-Villars, Paris",
        "a non-negative supermartingale rarely ever grows large, so evidence may be looked at any time",
        kind="book",
    ),
    Reference(
        "vovk2021",
        Topic.DECISION,
        ("Vovk, Vladimir", "Wang, Ruodu"),
        "E-values: Calibration, combination and applications",
        2021,
        "The Annals of Statistics 49(3), 1736–1754",
        "e-values and their averages, the evidence the gate decides on",
        doi="10.1214/20-AOS2020",
    ),
    Reference(
        "grunwald2024",
        Topic.DECISION,
        ("Grünwald, Peter", "de Heide, Rianne", "Koolen, Wouter"),
        "Safe testing",
        2024,
        "Journal of the Royal Statistical Society, Series B 86(5), 1091–1128",
        "tests that stay valid when more data are gathered after looking",
        doi="10.1093/jrsssb/qkae011",
        arxiv="1906.07801",
    ),
    Reference(
        "xu2024",
        Topic.DECISION,
        ("Xu, Ziyu", "Ramdas, Aaditya"),
        "Online multiple testing with e-values",
        2024,
        "Proceedings of AISTATS, PMLR 238, 3997–4005",
        "the e-LOND rule, for a bound on the share of wrong admissions",
        kind="inproceedings",
        arxiv="2311.06412",
    ),
    Reference(
        "dwork2015",
        Topic.DECISION,
        (
            "Dwork, Cynthia",
            "Feldman, Vitaly",
            "Hardt, Moritz",
            "Pitassi, Toniann",
            "Reingold, Omer",
            "Roth, Aaron",
        ),
        "The reusable holdout: Preserving validity in adaptive data analysis",
        2015,
        "Science 349(6248), 636–638",
        "why a panel wears out when what it says shapes what it is asked next",
        doi="10.1126/science.aaa9375",
    ),
    Reference(
        "blum2015",
        Topic.DECISION,
        ("Blum, Avrim", "Hardt, Moritz"),
        "The Ladder: A reliable leaderboard for machine learning competitions",
        2015,
        "Proceedings of ICML, PMLR 37, 1006–1014",
        "answers of one bit keep a panel usable for longer",
        kind="inproceedings",
        arxiv="1502.04585",
    ),
    Reference(
        "kish1965",
        Topic.DECISION,
        ("Kish, Leslie",),
        "Survey Sampling",
        1965,
        "Wiley, New York",
        "the design effect of documents within groups",
        kind="book",
    ),
    Reference(
        "kneser1995",
        Topic.MODEL,
        ("Kneser, Reinhard", "Ney, Hermann"),
        "Improved backing-off for M-gram language modeling",
        1995,
        "Proceedings of ICASSP 1, 181–184",
        "the proxy model",
        kind="inproceedings",
        doi="10.1109/ICASSP.1995.479394",
    ),
    Reference(
        "chen1999",
        Topic.MODEL,
        ("Chen, Stanley F.", "Goodman, Joshua"),
        "An empirical study of smoothing techniques for language modeling",
        1999,
        "Computer Speech & Language 13(4), 359–394",
        "its interpolated form",
        doi="10.1006/csla.1999.0128",
    ),
    Reference(
        "shumailov2024",
        Topic.COLLAPSE,
        (
            "Shumailov, Ilia",
            "Shumaylov, Zakhar",
            "Zhao, Yiren",
            "Papernot, Nicolas",
            "Anderson, Ross",
            "Gal, Yarin",
        ),
        "AI models collapse when trained on recursively generated data",
        2024,
        "Nature 631, 755–759",
        "model collapse: what a model forgets that is trained on its own output",
        doi="10.1038/s41586-024-07566-y",
    ),
    Reference(
        "alemohammad2023",
        Topic.COLLAPSE,
        (
            "Alemohammad, Sina",
            "Casco-Rodriguez, Josue",
            "Luzi, Lorenzo",
            "Humayun, Ahmed Imtiaz",
            "Babaei, Hossein",
            "LeJeune, Daniel",
            "Siahkoohi, Ali",
            "Baraniuk, Richard G.",
        ),
        "Self-consuming generative models go MAD",
        2023,
        "arXiv preprint",
        "loops that consume their own output; choosing the likeliest samples costs diversity",
        kind="misc",
        arxiv="2307.01850",
        also="alemohammad2024",
    ),
    Reference(
        "gerstgrasser2024",
        Topic.COLLAPSE,
        ("Gerstgrasser, Matthias", "Schaeffer, Rylan", "Dey, Apratim", "Rafailov, Rafael", "others"),
        "Is model collapse inevitable? Breaking the curse of recursion by accumulating real and synthetic data",
        2024,
        "arXiv preprint",
        "keeping the human data keeps the loop alive",
        kind="misc",
        arxiv="2404.01413",
    ),
    Reference(
        "suresh2025",
        Topic.COLLAPSE,
        ("Suresh, Ananda Theertha", "Thangaraj, Andrew", "Khandavally, Aditya Nanda Kishore"),
        "Rate of model collapse in recursive training",
        2025,
        "Proceedings of AISTATS, PMLR 258, 1396–1404",
        "how soon a word is forgotten, given how often it occurred",
        kind="inproceedings",
        arxiv="2412.17646",
        also="suresh2024",
    ),
    Reference(
        "ferbach2024",
        Topic.COLLAPSE,
        ("Ferbach, Damien", "Bertrand, Quentin", "Bose, Avishek Joey", "Gidel, Gauthier"),
        "Self-consuming generative models with curated data provably optimize human preferences",
        2024,
        "Advances in Neural Information Processing Systems 37",
        "what choosing samples by a score does to a loop",
        kind="inproceedings",
        arxiv="2407.09499",
    ),
    Reference(
        "feng2024",
        Topic.COLLAPSE,
        ("Feng, Yunzhen", "Dohmatob, Elvis", "Yang, Pu", "Charton, François", "Kempe, Julia"),
        "Beyond model collapse: Scaling up with synthesized data requires verification",
        2024,
        "arXiv preprint",
        "machine-made data can help where something outside the generator verifies it",
        kind="misc",
        arxiv="2406.07515",
        also="feng2025",
    ),
    Reference(
        "maini2024",
        Topic.SELECTION,
        ("Maini, Pratyush", "Seto, Skyler", "Bai, He", "Grangier, David", "Zhang, Yizhe", "Jaitly, Navdeep"),
        "Rephrasing the web: A recipe for compute and data-efficient language modeling",
        2024,
        "Proceedings of ACL",
        "rewritten human text as training data, the kind of recipe that can be useful",
        kind="inproceedings",
        arxiv="2401.16380",
    ),
    Reference(
        "xie2023",
        Topic.SELECTION,
        ("Xie, Sang Michael", "Santurkar, Shibani", "Ma, Tengyu", "Liang, Percy"),
        "Data selection for language models via importance resampling",
        2023,
        "Advances in Neural Information Processing Systems 36",
        "DSIR, one of the ways of choosing the gate is compared with",
        kind="inproceedings",
        arxiv="2302.03169",
    ),
    Reference(
        "broder1997",
        Topic.CHECKS,
        ("Broder, Andrei Z.",),
        "On the resemblance and containment of documents",
        1997,
        "Proceedings of Compression and Complexity of Sequences, 21–29",
        "near-duplicates by minwise hashing",
        kind="inproceedings",
        doi="10.1109/SEQUEN.1997.666900",
    ),
    Reference(
        "yang2023",
        Topic.CHECKS,
        ("Yang, Shuo", "Chiang, Wei-Lin", "Zheng, Lianmin", "Gonzalez, Joseph E.", "Stoica, Ion"),
        "Rethinking benchmark and contamination for language models with rephrased samples",
        2023,
        "arXiv preprint",
        "reworded leaks escape checks of shared word sequences",
        kind="misc",
        arxiv="2311.04850",
    ),
    Reference(
        "li2016",
        Topic.MEASURES,
        ("Li, Jiwei", "Galley, Michel", "Brockett, Chris", "Gao, Jianfeng", "Dolan, Bill"),
        "A diversity-promoting objective function for neural conversation models",
        2016,
        "Proceedings of NAACL-HLT, 110–119",
        "distinct-n",
        kind="inproceedings",
        arxiv="1510.03055",
    ),
    Reference(
        "wright1931",
        Topic.LAB,
        ("Wright, Sewall",),
        "Evolution in Mendelian populations",
        1931,
        "Genetics 16(2), 97–159",
        "the inbreeding coefficient, and how it grows in a population of finite size",
        doi="10.1093/genetics/16.2.97",
    ),
    Reference(
        "schaeffer2025",
        Topic.LAB,
        ("Schaeffer, Rylan", "Kazdan, Joshua", "Arulandu, Alvan Caleb", "Koyejo, Sanmi"),
        "Position: Model collapse does not mean what you think",
        2025,
        "arXiv preprint",
        "the eight definitions of model collapse that are judged one by one",
        kind="misc",
        arxiv="2503.03150",
    ),
    Reference(
        "seddik2024",
        Topic.LAB,
        ("Seddik, Mohamed El Amine", "Chen, Suei-Wen", "Hayou, Soufiane", "Youssef, Pierre", "Debbah, Merouane"),
        "How bad is training on synthetic data? A statistical analysis of language model collapse",
        2024,
        "arXiv preprint",
        "the chain of a model that is retrained on nothing but its own words",
        kind="misc",
        arxiv="2404.05090",
    ),
    Reference(
        "kazdan2024",
        Topic.LAB,
        (
            "Kazdan, Joshua",
            "Schaeffer, Rylan",
            "Dey, Apratim",
            "Gerstgrasser, Matthias",
            "Rafailov, Rafael",
            "Donoho, David L.",
            "Koyejo, Sanmi",
        ),
        "Collapse or thrive? Perils and promises of synthetic data in a self-generating world",
        2024,
        "arXiv preprint; Proceedings of ICML 2025, PMLR 267",
        "replacing, accumulating and subsampling data side by side",
        kind="misc",
        arxiv="2410.16713",
        also="kazdan2025",
    ),
    Reference(
        "dey2024",
        Topic.LAB,
        ("Dey, Apratim", "Donoho, David"),
        "Universality of the π²/6 pathway in avoiding model collapse",
        2024,
        "arXiv preprint",
        "the most that keeping all data can cost, for many families of models",
        kind="misc",
        arxiv="2410.22812",
    ),
    Reference(
        "bertrand2024",
        Topic.LAB,
        ("Bertrand, Quentin", "Bose, Avishek Joey", "Duplessis, Alexandre", "Jiralerspong, Marco", "Gidel, Gauthier"),
        "On the stability of iterative retraining of generative models on their own data",
        2024,
        "Proceedings of ICLR",
        "when a loop with enough human data is stable",
        kind="inproceedings",
        arxiv="2310.00429",
        also="bertrand2023",
    ),
    Reference(
        "dohmatob2024tails",
        Topic.LAB,
        ("Dohmatob, Elvis", "Feng, Yunzhen", "Yang, Pu", "Charton, François", "Kempe, Julia"),
        "A tale of tails: Model collapse as a change of scaling laws",
        2024,
        "Proceedings of ICML",
        "collapse as a floor under the scaling law",
        kind="inproceedings",
        arxiv="2402.07043",
    ),
    Reference(
        "dohmatob2024regression",
        Topic.LAB,
        ("Dohmatob, Elvis", "Feng, Yunzhen", "Kempe, Julia"),
        "Model collapse demystified: The case of regression",
        2024,
        "Advances in Neural Information Processing Systems 37",
        "the error of a regression that grows with every generation",
        kind="inproceedings",
        arxiv="2402.07712",
    ),
    Reference(
        "dohmatob2024strong",
        Topic.LAB,
        ("Dohmatob, Elvis", "Feng, Yunzhen", "Subramonian, Arjun", "Kempe, Julia"),
        "Strong model collapse",
        2024,
        "arXiv preprint; Proceedings of ICLR 2025",
        "a fixed share of machine-made data that stops more data from helping",
        kind="misc",
        arxiv="2410.04840",
    ),
    Reference(
        "borji2024",
        Topic.LAB,
        ("Borji, Ali",),
        "A note on Shumailov et al. (2024): 'AI models collapse when trained on recursively generated data'",
        2024,
        "arXiv preprint",
        "loops of kernel density estimates, and how the distance that is measured decides",
        kind="misc",
        arxiv="2410.12954",
    ),
    Reference(
        "he2025",
        Topic.LAB,
        ("He, Hengzhi", "Xu, Shirong", "Cheng, Guang"),
        "Golden ratio weighting prevents model collapse",
        2025,
        "arXiv preprint; to appear in the Journal of the Royal Statistical Society, Series B",
        "the best weight of fresh human data against the last output",
        kind="misc",
        arxiv="2502.18049",
    ),
    Reference(
        "yi2025",
        Topic.LAB,
        ("Yi, Bingji", "Liu, Qiyuan", "Cheng, Yuwei", "Xu, Haifeng"),
        "Escaping model collapse via synthetic data verification: Near-term improvements and long-term convergence",
        2025,
        "arXiv preprint; ICLR 2026",
        "a verifier helps at first, then the loop converges to what the verifier knows",
        kind="misc",
        arxiv="2510.16657",
    ),
    Reference(
        "qiao2026",
        Topic.LAB,
        ("Qiao, Xinbao", "Du, Xianglong", "Liu, Wei", "Zhang, Jingqi", "Mai, Peihua", "Zhang, Meng", "Pang, Yan"),
        "When sample selection bias precipitates model collapse",
        2026,
        "arXiv preprint; Proceedings of ICML, PMLR 306",
        "a verifier with a small, one-sided reference speeds collapse up",
        kind="misc",
        arxiv="2606.13732",
    ),
    Reference(
        "vu2025",
        Topic.LAB,
        ("Vu, Hung Anh", "Reeves, Galen", "Wenger, Emily"),
        "What happens when generative AI models train recursively on each others' outputs?",
        2025,
        "arXiv preprint",
        "models that feed each other",
        kind="misc",
        arxiv="2505.21677",
    ),
    Reference(
        "drayson2025",
        Topic.LAB,
        ("Drayson, George", "Yilmaz, Emine", "Lampos, Vasileios"),
        "Machine-generated text detection prevents language model collapse",
        2025,
        "arXiv preprint; Proceedings of EMNLP 2025",
        "the part of decoding, and of weighting by a detector, in loops of language models",
        kind="misc",
        arxiv="2502.15654",
    ),
    Reference(
        "naeem2020",
        Topic.LAB,
        ("Naeem, Muhammad Ferjad", "Oh, Seong Joon", "Uh, Youngjung", "Choi, Yunjey", "Yoo, Jaejun"),
        "Reliable fidelity and diversity metrics for generative models",
        2020,
        "Proceedings of ICML, PMLR 119",
        "density and coverage",
        kind="inproceedings",
        arxiv="2002.09797",
    ),
    Reference(
        "riis2026",
        Topic.LAB,
        ("Riis, Søren",),
        "Drift and selection in LLM text ecosystems",
        2026,
        "arXiv preprint",
        "drift and selection told apart in loops of n-gram models",
        kind="misc",
        arxiv="2604.08554",
    ),
    Reference(
        "bao2024",
        Topic.DETECTION,
        ("Bao, Guangsheng", "Zhao, Yanbin", "Teng, Zhiyang", "Yang, Linyi", "Zhang, Yue"),
        "Fast-DetectGPT: Efficient zero-shot detection of machine-generated text via conditional probability curvature",
        2024,
        "Proceedings of ICLR",
        "a detector on large language models, which can be added as a column",
        kind="inproceedings",
        arxiv="2310.05130",
        also="bao2023",
    ),
    Reference(
        "hans2024",
        Topic.DETECTION,
        (
            "Hans, Abhimanyu",
            "Schwarzschild, Avi",
            "Cherepanova, Valeriia",
            "Kazemi, Hamid",
            "Saha, Aniruddha",
            "Goldblum, Micah",
            "Geiping, Jonas",
            "Goldstein, Tom",
        ),
        "Spotting LLMs with Binoculars: Zero-shot detection of machine-generated text",
        2024,
        "Proceedings of ICML, PMLR 235, 17519–17537",
        "a detector that compares two large language models, which can be added as a column",
        kind="inproceedings",
        arxiv="2401.12070",
    ),
    Reference(
        "liang2023",
        Topic.DETECTION,
        ("Liang, Weixin", "Yuksekgonul, Mert", "Mao, Yining", "Wu, Eric", "Zou, James"),
        "GPT detectors are biased against non-native English writers",
        2023,
        "Patterns 4(7), 100779",
        "why simple wording has to be checked before a verdict on a person is drawn",
        doi="10.1016/j.patter.2023.100779",
        arxiv="2304.02819",
    ),
    Reference(
        "vovk2005",
        Topic.CONFORMAL,
        ("Vovk, Vladimir", "Gammerman, Alexander", "Shafer, Glenn"),
        "Algorithmic Learning in a Random World",
        2005,
        "Springer, New York",
        "p-values by rank among known texts, valid for any score and any number of them",
        kind="book",
    ),
    Reference(
        "bates2023",
        Topic.CONFORMAL,
        ("Bates, Stephen", "Candès, Emmanuel", "Lei, Lihua", "Romano, Yaniv", "Sesia, Matteo"),
        "Testing for outliers with conformal p-values",
        2023,
        "The Annals of Statistics 51(1), 149–178",
        "such p-values remain fit for controlling the false discovery rate though they share one reference",
        arxiv="2104.08279",
    ),
    Reference(
        "benjamini1995",
        Topic.CONFORMAL,
        ("Benjamini, Yoav", "Hochberg, Yosef"),
        "Controlling the false discovery rate: A practical and powerful approach to multiple testing",
        1995,
        "Journal of the Royal Statistical Society, Series B 57(1), 289–300",
        "the bound on the share of wrong machine-like verdicts",
        doi="10.1111/j.2517-6161.1995.tb02031.x",
    ),
    Reference(
        "saerens2002",
        Topic.SHARE,
        ("Saerens, Marco", "Latinne, Patrice", "Decaestecker, Christine"),
        "Adjusting the outputs of a classifier to new a priori probabilities: A simple procedure",
        2002,
        "Neural Computation 14(1), 21–41",
        "EMQ, the estimator of the share by expectation maximisation",
        doi="10.1162/089976602753284446",
    ),
    Reference(
        "alexandari2020",
        Topic.SHARE,
        ("Alexandari, Amr M.", "Kundaje, Anshul", "Shrikumar, Avanti"),
        "Maximum likelihood with bias-corrected calibration is hard-to-beat at label shift adaptation",
        2020,
        "Proceedings of ICML, PMLR 119, 222–232",
        "the calibration before EMQ: bias-corrected temperature scaling",
        kind="inproceedings",
        arxiv="1901.06852",
    ),
    Reference(
        "moreo2025",
        Topic.SHARE,
        ("Moreo, Alejandro", "González, Pablo", "del Coz, Juan José"),
        "Kernel density estimation for multiclass quantification",
        2025,
        "Machine Learning 114, 92",
        "the share as the weight of a mixture of two score densities",
        doi="10.1007/s10994-024-06726-5",
        arxiv="2401.00490",
        also="moreo2024",
    ),
    Reference(
        "moreo2021",
        Topic.SHARE,
        ("Moreo, Alejandro", "Esuli, Andrea", "Sebastiani, Fabrizio"),
        "QuaPy: A Python-based framework for quantification",
        2021,
        "Proceedings of CIKM, 4534–4543",
        "the library the estimators are tested against",
        kind="inproceedings",
        doi="10.1145/3459637.3482015",
    ),
    Reference(
        "bella2010",
        Topic.SHARE,
        ("Bella, Antonio", "Ferri, Cèsar", "Hernández-Orallo, José", "Ramírez-Quintana, María José"),
        "Quantification via probability estimators",
        2010,
        "Proceedings of the IEEE International Conference on Data Mining, 737–742",
        "PACC, the estimate in small print where no machine text is known",
        kind="inproceedings",
        doi="10.1109/ICDM.2010.75",
    ),
    Reference(
        "forman2008",
        Topic.SHARE,
        ("Forman, George",),
        "Quantifying counts and costs via classification",
        2008,
        "Data Mining and Knowledge Discovery 17(2), 164–206",
        "why counting verdicts is not an estimate of the share, and the simplest correction (ACC)",
        doi="10.1007/s10618-008-0097-y",
    ),
    Reference(
        "massart1990",
        Topic.SHARE,
        ("Massart, Pascal",),
        "The tight constant in the Dvoretzky–Kiefer–Wolfowitz inequality",
        1990,
        "The Annals of Probability 18(3), 1269–1283",
        "the lower bound of the share, which holds whatever the machine text looks like",
        doi="10.1214/aop/1176990746",
    ),
    Reference(
        "dvoretzky1956",
        Topic.SHARE,
        ("Dvoretzky, Aryeh", "Kiefer, Jack", "Wolfowitz, Jacob"),
        "Asymptotic minimax character of the sample distribution function and of the classical multinomial estimator",
        1956,
        "The Annals of Mathematical Statistics 27(3), 642–669",
        "the inequality that bound rests on",
        doi="10.1214/aoms/1177728174",
    ),
    Reference(
        "gonzalez2024",
        Topic.SHARE,
        ("González, Pablo", "Moreo, Alejandro", "Sebastiani, Fabrizio"),
        "Binary quantification and dataset shift: An experimental investigation",
        2024,
        "Data Mining and Knowledge Discovery 38(4), 1670–1712",
        "estimators that bear another share do not bear other kinds of text",
        doi="10.1007/s10618-024-01014-1",
        arxiv="2310.04565",
    ),
    Reference(
        "liang2024monitoring",
        Topic.SHARE,
        (
            "Liang, Weixin",
            "Izzo, Zachary",
            "Zhang, Yaohui",
            "Lepp, Haley",
            "Cao, Hancheng",
            "Zhao, Xuandong",
            "Chen, Lingjiao",
            "Ye, Haotian",
            "Liu, Sheng",
            "Huang, Zhi",
            "McFarland, Daniel A.",
            "Zou, James Y.",
        ),
        "Monitoring AI-modified content at scale: A case study on the impact of ChatGPT on AI conference peer reviews",
        2024,
        "Proceedings of ICML, PMLR 235, 29575–29620",
        "the share of a corpus rather than verdicts on its documents",
        kind="inproceedings",
        arxiv="2403.07183",
    ),
    Reference(
        "liang2024mapping",
        Topic.SHARE,
        ("Liang, Weixin", "Zhang, Yaohui", "Wu, Zhengxuan", "Lepp, Haley", "Ji, Wenlong", "others"),
        "Mapping the increasing use of LLMs in scientific papers",
        2024,
        "First Conference on Language Modeling (COLM)",
        "the share by source and month",
        kind="inproceedings",
        arxiv="2404.01268",
    ),
    Reference(
        "kobak2025",
        Topic.SHARE,
        ("Kobak, Dmitry", "González-Márquez, Rita", "Horvát, Emőke-Ágnes", "Lause, Jan"),
        "Delving into LLM-assisted writing in biomedical publications through excess vocabulary",
        2025,
        "Science Advances 11(27), eadt3813",
        "words in excess of older text of the same source: what is shown where there is no reference",
        doi="10.1126/sciadv.adt3813",
        arxiv="2406.07016",
        also="kobak2024",
    ),
    Reference(
        "kirchenbauer2023",
        Topic.MARKS,
        (
            "Kirchenbauer, John",
            "Geiping, Jonas",
            "Wen, Yuxin",
            "Katz, Jonathan",
            "Miers, Ian",
            "Goldstein, Tom",
        ),
        "A watermark for large language models",
        2023,
        "Proceedings of ICML, PMLR 202, 17061–17084",
        "the green-list watermark and its test",
        kind="inproceedings",
        arxiv="2301.10226",
    ),
    Reference(
        "dathathri2024",
        Topic.MARKS,
        ("Dathathri, Sumanth", "See, Abigail", "Ghaisas, Sumedh", "Huang, Po-Sen", "others"),
        "Scalable watermarking for identifying large language model outputs",
        2024,
        "Nature 634, 818–823",
        "the SynthID-Text watermark and its test",
        doi="10.1038/s41586-024-08025-4",
    ),
    Reference(
        "c2pa2025",
        Topic.MARKS,
        ("C2PA",),
        "C2PA Technical Specification, version 2.3",
        2025,
        "Coalition for Content Provenance and Authenticity",
        "signed content credentials, also in plain text (section A.7)",
        kind="misc",
        url="https://spec.c2pa.org/specifications/specifications/2.3/specs/C2PA_Specification.html",
    ),
    Reference(
        "iptc2024",
        Topic.MARKS,
        ("IPTC",),
        "Digital Source Type NewsCodes",
        2024,
        "International Press Telecommunications Council",
        "the words in which unsigned metadata say how something was made",
        kind="misc",
        url="https://cv.iptc.org/newscodes/digitalsourcetype/",
    ),
)
