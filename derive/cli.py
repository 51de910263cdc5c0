"""The command ``derive``: its subcommands, their options, and the exit status of each.

Only this face of the package may import ``models`` and ``verify``. What is heavy (SymPy, NumPy, rich, matplotlib) is
imported inside the subcommand that needs it: ``derive list`` must answer at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from .errors import ResolventError

__all__ = ["derive", "run"]

CONSISTENT, REFUTED, BAD_INPUT, INCONCLUSIVE = 0, 1, 2, 3


def run(argv: Sequence[str]) -> int:
    """Run the command on ``argv`` and return its exit status; bad input is one line on standard error.

    Examples
    --------
    >>> from derive.cli import run
    >>> run(["list", "--json"])  # doctest: +ELLIPSIS
    [
      {
        "name": "...",
    ...
    0
    """
    try:
        return derive.main(args=list(argv), prog_name="derive", standalone_mode=False) or 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.ctx.get_help() if error.ctx else error.format_message())
        return 0
    except click.Abort as error:
        raise KeyboardInterrupt from error
    except click.ClickException as error:
        return _complain(error.format_message())
    except ResolventError as error:
        return _complain(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _complain(f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _complain(message: str) -> int:
    click.echo("derive: " + " ".join(message.split()), err=True)
    return BAD_INPUT


class _Commands(click.Group):
    """A group that suggests the nearest subcommand."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            from models.catalogue import closest

            raise click.UsageError(
                f"no subcommand is called {args[0]}; {closest(args[0], self.list_commands(ctx))}", ctx
            )
        return super().resolve_command(ctx, args)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="resolvent", message="%(version)s")
def derive() -> None:
    """Derive high-dimensional limits, compute them to any digit, and check them by simulation.

    NAME is a theorem of the catalogue (derive list) or the path of your own Python file that defines `theorem`.

    Exit status: 0 success, 1 refuted, 2 bad input, 3 inconclusive, 130 interrupted.
    """


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
name_argument = click.argument("name")


def parameter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say at which values: shared by every subcommand that computes numbers."""
    law = click.option(
        "--law",
        "laws",
        multiple=True,
        metavar="NAME=LAW",
        help='Law of a matrix: Sigma=1:0.5,4:0.5 (atoms and weights), "A,B=(1,3):0.5,(4,2):0.5" (joint), '
        '"A=[[2,1],[1,2]]" (itself).',
    )
    setting = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="For example --set c=1/2.")
    return setting(law(command))


def simulation_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of a simulation campaign."""
    for option in (
        click.option("--store", type=click.Path(dir_okay=False), help="Keep the runs in this SQLite file and resume."),
        click.option("--scheduler", metavar="ADDRESS", help="Run on a Dask cluster at this address."),
        click.option("--workers", type=click.IntRange(min=1), metavar="N", help="Run in N processes."),
        click.option(
            "--device",
            type=click.Choice(["auto", "cpu", "gpu"]),
            default="auto",
            show_default=True,
            help="Where to run.",
        ),
        click.option(
            "--entries",
            type=click.Choice(["gaussian", "rademacher", "sparse", "student"]),
            help="Law of the random entries; by default the theorem's own, for most theorems gaussian.",
        ),
        click.option(
            "--start",
            type=click.Choice(["planted", "unfolding", "random"]),
            help="For tensors: where the power iteration starts; by default where the theorem says, mostly planted.",
        ),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the run."),
        click.option("--trials", type=click.IntRange(min=2), metavar="N", help="Simulations per size."),
        click.option("--sizes", metavar="N,N,...", help="Sizes of the base dimension, for example 200,400,800."),
    ):
        command = option(command)
    return command


@derive.command("list")
@json_option
def list_(as_json: bool) -> int:
    """List the theorems of the catalogue."""
    import models

    titles = models.titles()
    if as_json:
        import json

        click.echo(json.dumps([{"name": name, "title": title} for name, title in titles.items()], indent=2))
        return 0
    width = max(map(len, titles), default=0)
    for name, title in titles.items():
        click.echo(click.style(name.ljust(width), bold=True) + "  " + title)
    return 0


@derive.command()
@name_argument
@click.option("--steps", is_flag=True, help="Show the derivation, stage by stage.")
@json_option
def show(name: str, steps: bool, as_json: bool) -> int:
    """Show a model and its derived limit."""
    import models

    from . import cli_output

    theorem = models.load(name)
    if as_json:
        cli_output.print_json(cli_output.theorem_record(theorem, steps))
    else:
        cli_output.print_theorem(theorem, steps)
    return 0


@derive.command()
@name_argument
@click.option("-o", "output", type=click.Path(), help="Write the LaTeX source to this file.")
@click.option("--pdf", type=click.Path(), help="Compile the document to this PDF with pdflatex.")
@click.option(
    "--theorem-only", is_flag=True, help="The statement alone, to paste into a paper, without the derivation."
)
@json_option
def latex(name: str, output: str | None, pdf: str | None, theorem_only: bool, as_json: bool) -> int:
    """Print a theorem as LaTeX; write its source or PDF."""
    import models

    from . import cli_files, cli_output

    theorem = models.load(name)
    law = theorem.law
    document = law.document(title=theorem.title)
    source = (law.latex() if theorem_only else document).rstrip("\n") + "\n"
    if output:
        with cli_files.replacing(output) as sibling:
            sibling.write_text(source, encoding="utf-8")
    if pdf:
        cli_files.compile_pdf(document, pdf)
    files = [path for path in (output, pdf) if path]
    if as_json:
        cli_output.print_json({"name": name, "latex": source, "files": files})
    elif files:
        cli_output.print_written(files)
    else:
        click.echo(source, nl=False)
    return 0


@derive.command()
@name_argument
@parameter_options
@click.option("--digits", type=click.IntRange(1, 10_000), metavar="D", help="Number of correct digits (mpmath).")
@click.option("--certify", is_flag=True, help="Prove the digits: a ball that holds the true solution, or a refusal.")
@json_option
def solve(
    name: str, settings: Sequence[str], laws: Sequence[str], digits: int | None, certify: bool, as_json: bool
) -> int:
    """Compute the limit at given values of the parameters."""
    import models

    from . import cli_output
    from .cli_values import read_settings

    theorem = models.load(name)
    params = read_settings(theorem, settings, laws)
    if certify:
        balls, refused = theorem.certify(params, digits=digits or 30)
        values: dict[str, Any] = cli_output.ball_record(balls, digits or 30)
        if refused:
            reasons = "; ".join(f"{name} ({reason})" for name, reason in refused.items())
            click.echo(f"derive: not certified: {reasons}", err=True)
    else:
        values = theorem.observe(params, digits=digits)
        if note := theorem.note(params):
            click.echo(f"derive: {note}", err=True)
    record = None
    if theorem.spectrum is not None:
        from .cli_spectrum import spectrum_record

        record = spectrum_record(theorem, params, digits)
    if as_json:
        cli_output.print_json(cli_output.values_record(theorem, params, values, digits, record))
    else:
        cli_output.print_values(theorem, params, values, digits, record)
    return 0


@derive.command()
@name_argument
@parameter_options
@click.option(
    "--sweep", metavar="NAME=START:STOP:COUNT", help="Parameter of the horizontal axis [default: the theorem's]."
)
@click.option("--overlay-simulation", "overlay", is_flag=True, help="Add simulated points with error bars.")
@click.option("--spectrum", is_flag=True, help="The density of the theorem's matrix instead, over the real axis.")
@click.option("--sample", type=click.IntRange(min=4), metavar="N", help="With --spectrum: a sample of size N behind.")
@click.option("-o", "output", required=True, type=click.Path(), help="The file to write: .png, .svg or .pdf.")
@click.option("--only", multiple=True, metavar="QUANTITY", help="Plot this quantity or observable alone (repeatable).")
@simulation_options
@json_option
def plot(
    name: str,
    settings: Sequence[str],
    laws: Sequence[str],
    sweep: str | None,
    overlay: bool,
    spectrum: bool,
    sample: int | None,
    output: str,
    only: Sequence[str],
    as_json: bool,
    **simulation: Any,
) -> int:
    """Plot the limit against a parameter, or with --spectrum a density."""
    if Path(output).suffix.lower() not in (".png", ".svg", ".pdf"):
        raise ResolventError(f"-o {output}: the name of a plot must end in .png, .svg or .pdf")
    import models

    from . import cli_output, cli_plot
    from .cli_values import read_settings, read_sweep

    if sample is not None and not spectrum:
        raise click.UsageError("--sample is for --spectrum: the histogram of a sample behind the density")
    if spectrum and (sweep or overlay or only or any(simulation[key] for key in ("sizes", "trials", "start"))):
        raise click.UsageError("--spectrum draws one density: it goes with --set, --law and --sample N only")
    theorem = models.load(name)
    if spectrum:
        from .cli_spectrum import draw_spectrum

        record = draw_spectrum(theorem, read_settings(theorem, settings, laws), sample, simulation, output)
        if as_json:
            cli_output.print_json(record | {"files": [output]})
        else:
            cli_output.print_written([output])
        return 0
    parameter, values = read_sweep(theorem, sweep)
    params = read_settings(theorem, settings, laws)
    curves = cli_plot.sweep(theorem, params, parameter, values, only)
    points = cli_plot.simulate(theorem, params, parameter, curves, simulation) if overlay else None
    if curves.message:
        click.echo(f"derive: {curves.message}", err=True)
    cli_plot.draw(theorem, parameter, curves, points, output)
    if as_json:
        cli_output.print_json(cli_plot.record(parameter, curves, points) | {"files": [output]})
    else:
        cli_output.print_written([output])
    return 0


@derive.command()
@click.argument("name", required=False)
@click.option("--all", "everything", is_flag=True, help="Every theorem of the catalogue.")
@parameter_options
@simulation_options
@json_option
def verify(
    name: str | None,
    everything: bool,
    settings: Sequence[str],
    laws: Sequence[str],
    as_json: bool,
    **simulation: Any,
) -> int:
    """Check a theorem against simulation.

    Exit status: 0 consistent, 1 refuted, 3 inconclusive.
    """
    if everything == bool(name):
        raise click.UsageError("give the NAME of one theorem, or --all")
    if everything and (settings or laws):
        raise click.UsageError("--set and --law need the NAME of one theorem, not --all")
    import models

    from . import cli_output, cli_verify
    from .cli_values import read_sizes

    outcomes = cli_verify.campaign(models.names() if everything else [name or ""], settings, laws, simulation)
    if as_json:
        cli_output.print_json(cli_verify.record(outcomes := list(outcomes)))
    else:
        outcomes = cli_verify.print_outcomes(outcomes, read_sizes(simulation["sizes"]))
    return cli_verify.exit_status(outcomes)


@derive.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@simulation_options
@json_option
def report(names: Sequence[str], as_json: bool, **simulation: Any) -> int:
    """Print a table of verdicts, one line per theorem."""
    import models

    from . import cli_output, cli_verify
    from .cli_values import read_sizes

    outcomes = cli_verify.campaign(names or models.names(), (), (), simulation)
    if as_json:
        cli_output.print_json(cli_verify.record(outcomes := list(outcomes)))
    else:
        outcomes = cli_verify.print_report(outcomes, read_sizes(simulation["sizes"]))
    return cli_verify.exit_status(outcomes)
