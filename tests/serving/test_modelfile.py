"""A model file that is replaced while its model is served."""

import asyncio
import shutil

import httpx

from netgrad.serving import ModelFile

from .clients import GOOD, JSON, counters
from .conftest import running


def test_a_file_that_changes_is_said_where_people_look(vector_model, tmp_path):
    path, other = (vector_model.save(tmp_path / name) for name in ("sum.safetensors", "other.safetensors"))
    file = ModelFile(path)
    with running(vector_model, file=file) as url:

        def said():
            return httpx.get(f"{url}/health").json()["model file"], counters(url)["netgrad_model_file_changed",]

        assert said() == ("as loaded", 0)
        other.replace(path)
        assert said() == ("changed", 1)
        assert httpx.post(f"{url}/predict", content=GOOD, headers=JSON).status_code == 200
        path.unlink()
        assert said() == ("missing", 1)


def test_the_log_says_it_once_a_change(vector_model, tmp_path, caplog):
    path = vector_model.save(tmp_path / "sum.safetensors")
    kept = shutil.copy2(path, tmp_path / "kept")
    file = ModelFile(path)

    async def watch():
        task = asyncio.create_task(file.watch(every=0.01))
        await asyncio.sleep(0.05)
        assert caplog.messages == []
        shutil.copy(kept, path)
        await asyncio.sleep(0.1)
        path.unlink()
        await asyncio.sleep(0.1)
        task.cancel()

    asyncio.run(watch())
    assert [
        f"{path} is {state}: this server goes on" in line
        for state, line in zip(("changed", "missing"), caplog.messages, strict=True)
    ] == [True, True]
