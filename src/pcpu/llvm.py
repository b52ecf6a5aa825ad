"""The one wrapper around llvmlite: verify, optimise, emit.

llvmlite is imported when first needed: a cached program runs without LLVM.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any, Literal

from pcpu.errors import ToolchainError
from pcpu.target import Target

OPTIMISATION = 3


@cache
def _binding() -> Any:
    try:
        from llvmlite import binding
    except (ImportError, OSError) as error:
        raise ToolchainError(f"llvmlite does not load ({error}); run 'make setup'") from None
    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    return binding


def version() -> str:
    """The version of LLVM itself."""
    return ".".join(map(str, _binding().llvm_version_info))


def host_cpu() -> tuple[str, str, tuple[str, ...]]:
    """Triple, name and features of this machine's processor."""
    binding = _binding()
    features = binding.get_host_cpu_features()
    listed = tuple(sorted(f"+{name}" for name, has in features.items() if has))
    return binding.get_process_triple(), binding.get_host_cpu_name(), listed


def parse(text: str, target: Target) -> Any:
    """The module in the IR ``text``, laid out for ``target`` and verified."""
    module = _binding().parse_assembly(text)
    module.triple = target.triple
    module.data_layout = str(_machine(target).target_data)
    module.verify()
    return module


def optimise(module: Any, target: Target) -> None:
    """Run LLVM's -O3 pipeline over ``module``."""
    binding = _binding()
    options = binding.create_pipeline_tuning_options(speed_level=OPTIMISATION)
    builder = binding.create_pass_builder(_machine(target), options)
    builder.getModulePassManager().run(module, builder)
    module.verify()


def hide(module: Any, names: Mapping[str, str]) -> dict[str, tuple[str, list[str]]]:
    """Give functions of ``module`` other names, which only what it is linked into sees. By the name
    that each had, the types that it returns and takes."""
    kinds = {}
    for before, after in names.items():
        function = module.get_function(before)
        returns = str(function.global_value_type).partition(" (")[0]
        kinds[before] = (returns, [str(argument.type) for argument in function.arguments])
        function.name = after
        function.visibility = "hidden"
    return kinds


def emit(module: Any, target: Target, form: Literal["asm", "obj"]) -> bytes:
    """Assembly text or an object file."""
    machine = _machine(target)
    if form == "asm":
        text: str = machine.emit_assembly(module)
        return text.encode()
    code: bytes = machine.emit_object(module)
    return code


def _machine(target: Target) -> Any:
    found = _binding().Target.from_triple(target.triple)
    return found.create_target_machine(
        cpu=target.cpu,
        features=",".join(target.features),
        opt=OPTIMISATION,
        reloc=target.reloc,
        codemodel="default",
    )
