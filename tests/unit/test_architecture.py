"""The house as designed: who may import whom, what is public, and what costs nothing until it is used."""

import ast
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import headwater

ROOT = Path(headwater.__file__).parent

# From the ground up. A module imports from its own folder and from the floors below it.
FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"__init__", "schema", "errors", "config", "files", "kernel_cache"}),
    frozenset({"text", "models", "measure", "lineage", "decide"}),
    frozenset({"sources", "store", "engine"}),
    frozenset({"curate", "origin", "generate", "gate", "forecast"}),
    frozenset({"loop", "lab"}),
    frozenset({"report"}),
    frozenset({"curation", "curation_records", "generation", "ledger", "project", "view", "cli"}),
)
# Within a floor folders stand alone, with these exceptions.
NEIGHBOURS = {
    "config": {"errors", "schema"},
    "schema": {"errors"},
    "models": {"text"},
    "measure": {"text", "models"},
    "lab": {"loop"},
    "project": {"curation", "curation_records", "generation", "ledger"},
    "cli": {"project", "generation"},
    "view": {"project"},
}
HEAVY = frozenset({"torch", "transformers", "sklearn", "duckdb", "altair", "vl_convert", "lance", "numba"})

# What each folder offers. A name that appears or disappears here is a decision.
PUBLIC = {
    "decide": """LAMBDA_GRID Decision Rule Transcript admits_effect bh_threshold clip_bound clip_differences conformal_p_values decide design_effect detectable_effect
        documents_needed e_lond_threshold generation_delta group_means log_e_value log_e_values plain_threshold prove_harm
        strict_threshold strict_threshold_with_harm units_for_effect""",
    "curate": """Curated curate PERSONAL_KINDS PRESETS C4Lines CurateResult CurateSettings Duplicates EvaluationItem
        EvaluationOverlap Language Listed PanelOverlap PersonalData Placeholders PythonRule Reason Rule RuleSet
        Signatures SpanHashes SqlRule TextStatistics Tokens curate_files curate_settings cut_copies language_rules
        plan_curation preset read_evaluation_set resolve_duplicates resolve_spans rethreshold_folder sentence_of
        write_evaluation_index write_panel_index""",
    "engine": """Done EmbeddedEngine Engine Failed Operator RowError Standing TableFunction Usage advance apply_operators
        as_daft_function as_table_function available_cpus
        open_engine operator_key""",
    "forecast": """MUENNIGHOFF PRESETS RULES Forecast MachineShareFit Measured Measurement PresetForecast Quantity ScalingLaw
        Schedule TeamForecast TeamSettings WorthEstimate admitted as_published capacity commented_team_toml
        constant contamination date_at dates_of_use effective_parameters effective_tokens epoch_multiplier
        first_passage fit_machine_share forecast forecast_team full_use kept_human_share loss machine_share
        optimal_parameters parse plain_values rate_quantity read_team share_quantity shares_by_month
        stock_over_time synthetic_limit synthetic_worth team_settings tokens_for_loss tokens_of_words
        worth_from_runs""",
    "gate": """DSIR AdmitAll Bar Card Certifier Check Checked Discriminator Findings Gate GateState HardChecks
        LowestPerplexity NearRow RandomShare RecipeOverlap RecipeStatus RowChecks ScoringPanel Sealed SealedDecision SeenBefore Selection
        SliceEvidence SteeringEvidence cards run_checks token_counts
        training_mix verdict_rows within_share""",
    "generate": """BAD_SENTENCES EVENTS FAMILIES FIELDS OWN_MODEL PROMPT REJECTED REWRITES Answer Asked Bad Budget Command Cost Counts
        Endpoint Finish Generator Judged Kept LocalModel MadeTexts Mirrored Parents Plan Prices Production
        ProgramGenerator Recipe RecipeFile Request RequestLedger Rewrite Spending Verify VllmModel ask_through example_recipe
        generator_of judge_answers leak load_recipe machine_documents machine_rows mirror_files near_copy own_output
        paraphrased_leak parents_of question_answer read_parents recipe_of requests_of restructure reword seed_table
        shuffle""",
    "lab": """Arm ArmResult Bench Check Experiment Findings Ground Human LabResult LabSettings Selecting Step
        experiment names recurse run_experiment settings_of""",
    "lineage": """Explanation Graph Inbreeding Need Node Plan WhatIf ancestors data_set_made data_set_sampled
        effective_size explain graph_json heterozygosity inbreeding model_trained observed_f plan read_graph
        read_open_lineage what_if""",
    "loop": """Accumulate Documents Filtered Fresh GateResult GenerationRecord Golden History HumanOnly Part Regime Replace
        Reserve RunResult SampleText Source Subsample TextWorld World judge_files next_training_set run_loop""",
    "measure": """Evidence Finding Likeness Phases Scaling Thresholds Trend Verdict auroc bits_per_byte calibration_error curated definitions
        distinct_n fisher_gain gaussian_kl gaussian_squared_w2 hallucinated_share likeness mixture_squared_l2 normal_kl
        normal_squared_w2 phases rare_recall rare_types sample_coverage separate_modes support
        tail_survival threshold_at_fpr tpr_at_fpr""",
    "models": """BoostingLearner BoostingModel CategoricalLearner CategoricalModel CategoricalSource ChainLearner ChainModel CommandLearner CommandModel CopulaLearner CopulaModel Counts Design
        GaussianLearner GaussianModel GaussianSource HumanReference KernelLearner KernelModel Learner Losses MixtureLearner
        MixtureModel Model Moments NeuralLearner NeuralModel NeuralSettings NgramLearner NgramModel PointSource Points RegressionLearner RegressionModel
        RegressionSource Samples TableForm Text TransformerLearner TransformerModel TransformerSettings VaeLearner VaeModel warm""",
    "origin": """AUDITED Attestation AuditResult Card Detector DocumentVerdict Evidence EvidenceReader Fitted Grade GroupAudit How
        Judge Known LanguageModels Ruling SCORES Scoring ShareEstimate Status add_to_reserve annotate audit card_markdown default_detector
        estimate_share evidence_readers export_reserve fit_detector fit_files import_exchange judge_of list_reserve load_detector
        load_language_models read_references reserve_documents rule score_files trusted_parties verify_reserve""",
    "report": """REFERENCES Reference Topic audit_verdict bibtex curate_verdict forecast_charts forecast_document forecast_files forecast_verdict
        gate_verdict references render_audit_report render_curate_report render_forecast_report render_gate_report render_lab_report render_lineage_report render_report run_verdict""",
    "sources": """HARMLESS SAMPLE_CHARACTERS document_writer FILE InputFile Layout Part ROW ReadSettings Shard ShardPlan ShardReport ShardStream plan_shards read_shard
        OWN_COLUMNS WRITABLE Columns DocumentStream DocumentationCorpus ReadReport Reject RejectKind RejectLog
        check_outputs collect_documentation expand_paths format_of read_documentation read_documents read_table warm write_documents""",
    "store": """PANELS Holder Ledger Panel Panels Part RunFolder RunState SealedPanel Split SplitRow Table append_line document_table json_text
        lineage_table list_runs lock_holder merge_overlapping open_panels parquet_file read_lines replace_folder resolve seal split_by_group sql_text
        replaced_file storage_errors store_folder toml_text write_bytes write_json write_parquet write_text writer_lock""",
    "text": """END UNKNOWN Encoded GramIndex HashedWords Vocabulary encode_table english_tokens gram_hashes is_encoded join_words
        near_duplicates split_words token_arrays token_columns tokenize warm word_hashes""",
}


def _files() -> list[Path]:
    return sorted(ROOT.rglob("*.py"))


def _name(path: Path) -> str:
    """Return the dotted name of a module."""
    parts = ("headwater", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _folder(module: str) -> str:
    """Return the folder, or the file at the top, that a module belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


def _imports(path: Path, *, everywhere: bool) -> Iterator[str]:
    """Yield the modules a file imports: wherever it does, or only what importing the file itself loads."""
    waiting: list[ast.AST] = [ast.parse(path.read_text("utf-8"))]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert node.module is not None
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif not everywhere and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        elif not everywhere and isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting.extend(node.orelse)
            continue
        waiting.extend(ast.iter_child_nodes(node))


MODULES = {_name(path): path for path in _files()}


def _floor(folder: str) -> int:
    return next(number for number, floor in enumerate(FLOORS) if folder in floor)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downwards_only(module: str) -> None:
    mine = _folder(module)
    allowed = {mine, *NEIGHBOURS.get(mine, ())}.union(*FLOORS[: _floor(mine)])
    used = {
        _folder(name)
        for name in _imports(MODULES[module], everywhere=True)
        if name.split(".")[0] == "headwater" and name in MODULES
    }
    assert used - allowed - {"__init__"} == set()


def test_every_folder_has_its_floor() -> None:
    known = frozenset().union(*FLOORS)
    found = {path.stem if path.is_file() else path.name for path in ROOT.iterdir() if path.suffix in {"", ".py"}}
    assert found - {"__pycache__", "py.typed"} <= known


def test_the_sealed_panel_is_out_of_reach_of_whatever_makes_the_next_batch() -> None:
    makers = [MODULES["headwater.loop.feedback"], MODULES["headwater.loop.arms"], *(ROOT / "generate").glob("*.py")]
    assert len(makers) > 5
    for path in makers:
        names = set(_imports(path, everywhere=True))
        assert not {name for name in names if name.startswith("headwater.gate.certification")}, path
        assert not {name for name in names if name.split(".")[-1] in {"Certifier", "SealedDecision"}}, path
        read = {node.attr for node in ast.walk(ast.parse(path.read_text("utf-8"))) if isinstance(node, ast.Attribute)}
        assert not read & {"sealed", "transcript", "log_e", "certifier"}, path
    feedback = set(_imports(MODULES["headwater.loop.feedback"], everywhere=True))
    assert not {name for name in feedback if name.startswith("headwater.")}  # numbers in, numbers out


def test_only_the_gate_opens_the_certification_panel() -> None:
    users = {
        module
        for module, path in MODULES.items()
        if "headwater.gate.certification" in set(_imports(path, everywhere=True))
    }
    assert users == {"headwater.gate", "headwater.gate.judge"}


# What is public.


@pytest.mark.parametrize("name", PUBLIC)
def test_what_a_namespace_offers(name: str) -> None:
    module = importlib.import_module(f"headwater.{name}")
    assert set(module.__all__) == set(PUBLIC[name].split())
    assert len(set(module.__all__)) == len(module.__all__)
    for public in module.__all__:
        assert getattr(module, public) is not None
    # Nothing is reachable as public that is not listed, but the folder's own modules.
    extra = {
        key for key, value in vars(module).items()
        if not key.startswith("_") and not isinstance(value, ModuleType) and key not in module.__all__
    }  # fmt: skip
    assert extra == set()
    assert (module.__doc__ or "").strip()


def test_every_namespace_is_listed_and_loads_on_first_use() -> None:
    folders = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"cli"}
    assert folders == set(PUBLIC)
    assert set(headwater.__all__) == {*PUBLIC, "Project", "open_project", "__version__"}
    for name in headwater.__all__:
        assert getattr(headwater, name) is not None
    assert dir(headwater) == sorted(headwater.__all__)
    with pytest.raises(AttributeError, match=r"no attribute 'gates'\. Known: .*gate"):
        _ = headwater.gates


def test_importing_the_package_loads_nothing_of_it() -> None:
    code = "import sys, headwater; print([name for name in sys.modules if name.startswith('headwater.')], 'numpy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.strip() == "[] False"


# What is loaded when.


def _loaded_by(module: str) -> set[str]:
    """Return all modules that importing one loads, ours followed through."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name in MODULES:
            waiting.extend(_imports(MODULES[name], everywhere=False))
            waiting.append(name.rpartition(".")[0])
    return seen


@pytest.mark.parametrize("module", ["headwater.cli.main", "headwater.config", "headwater.store", "headwater.errors"])
def test_light_modules_load_nothing_heavy(module: str) -> None:
    assert {name.split(".")[0] for name in _loaded_by(module)} & HEAVY == set()


def test_the_walk_would_find_a_heavy_import() -> None:
    assert "numba" in _loaded_by("headwater.models")


@pytest.mark.parametrize("heavy", ["torch", "transformers", "duckdb", "lance", "sklearn"])
def test_no_module_loads_what_only_some_functions_need(heavy: str) -> None:
    users = [
        module
        for module, path in MODULES.items()
        if heavy in {name.split(".")[0] for name in _imports(path, everywhere=False)}
    ]
    assert users == []


def test_the_package_is_typed() -> None:
    assert (ROOT / "py.typed").is_file()
