"""Scores of SDMetrics for synthetic tables, run in an environment of its own: JSON on standard output.

    python sdmetrics_scores.py REAL.parquet SYNTHETIC.parquet...

For each synthetic table: the quality report's column shapes, pair trends and overall score, and the share of rows that
NewRowSynthesis counts as new. All in [0, 1], higher is better.
"""

import json
import sys
import warnings

import pandas as pd
from sdmetrics.reports.single_table import QualityReport
from sdmetrics.single_table import NewRowSynthesis


def main(real_path: str, *synthetic_paths: str) -> None:
    """Print the scores of each table by path."""
    warnings.simplefilter("ignore")
    real = pd.read_parquet(real_path)
    kinds = {name: "numerical" if pd.api.types.is_numeric_dtype(real[name]) else "categorical" for name in real}
    metadata = {"columns": {name: {"sdtype": kind} for name, kind in kinds.items()}}
    found = {}
    for path in synthetic_paths:
        synthetic = pd.read_parquet(path)
        report = QualityReport()
        report.generate(real, synthetic, metadata, verbose=False)
        properties = dict(report.get_properties().set_index("Property")["Score"])
        new = NewRowSynthesis.compute(real, synthetic, metadata, synthetic_sample_size=min(500, len(synthetic)))
        found[path] = {
            "column_shapes": float(properties["Column Shapes"]),
            "pair_trends": float(properties["Column Pair Trends"]),
            "quality": float(report.get_score()),
            "new_rows": float(new),
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
