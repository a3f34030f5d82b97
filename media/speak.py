#!/usr/bin/env python3
"""Speaks the numbers and announcements in voices/, µ-law at 8 kHz, one file a word or phrase.

    python3 media/speak.py        needs espeak-ng and sox

The words are joined as `src/media/spoken` says; a recording by a person may take the place of any file. What a word must
not have is silence around it: the joints add their own.
"""
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent / "voices"

ENGLISH = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen""".split()
PORTUGUESE = """zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezasseis dezassete
dezoito dezanove""".split()
SPANISH = """cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete
dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco veintiséis veintisiete veintiocho
veintinueve""".split()


def counted(words, step=1, first=0):
    return {str(first + step * place): word for place, word in enumerate(words)}


VOICES = {
    "en": ("en-gb", {
        **counted(ENGLISH),
        **counted("twenty thirty forty fifty sixty seventy eighty ninety".split(), 10, 20),
        "hundred": "hundred",
        "and": "and",
        "minute": "minute",
        "minutes": "minutes",
        "you_are_number": "You are number",
        "in_line": "in the line.",
        "first": "You are the first in the line.",
        "beyond": "Your place in the line is above",
        "wait": "The wait is about",
        "wait_short": "The wait is less than one minute.",
        "wait_over": "The wait is more than",
        "has_waited": "This caller has waited",
        "has_waited_short": "This caller has waited less than one minute.",
        "welcome": "Welcome. Your call will be answered in its turn.",
        "thanks": "Thank you for waiting. You will be connected as soon as somebody is free.",
        "connecting": "You are being connected.",
    }),
    "pt": ("pt", {
        **counted(PORTUGUESE),
        **counted("vinte trinta quarenta cinquenta sessenta setenta oitenta noventa".split(), 10, 20),
        "100": "cem",
        "100+": "cento",
        **counted("""duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos
            novecentos""".split(), 100, 200),
        "and": "e",
        "minute": "minuto",
        "minutes": "minutos",
        "you_are_number": "É o número",
        "in_line": "na fila.",
        "first": "É o primeiro da fila.",
        "beyond": "O seu lugar na fila é superior a",
        "wait": "A espera é de cerca de",
        "wait_short": "A espera é de menos de um minuto.",
        "wait_over": "A espera é de mais de",
        "has_waited": "Este cliente esperou",
        "has_waited_short": "Este cliente esperou menos de um minuto.",
        "welcome": "Bem-vindo. A sua chamada será atendida por ordem de chegada.",
        "thanks": "Obrigado por esperar. A sua chamada será atendida logo que possível.",
        "connecting": "Vamos ligar a sua chamada.",
    }),
    "es": ("es", {
        **counted(SPANISH),
        **counted("treinta cuarenta cincuenta sesenta setenta ochenta noventa".split(), 10, 30),
        "1-": "un",
        "21-": "veintiún",
        "100": "cien",
        "100+": "ciento",
        **counted("""doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos
            novecientos""".split(), 100, 200),
        "and": "y",
        "minute": "minuto",
        "minutes": "minutos",
        "you_are_number": "Es el número",
        "in_line": "en la cola.",
        "first": "Es el primero de la cola.",
        "beyond": "Su lugar en la cola es superior a",
        "wait": "La espera es de aproximadamente",
        "wait_short": "La espera es de menos de un minuto.",
        "wait_over": "La espera es de más de",
        "has_waited": "Este cliente ha esperado",
        "has_waited_short": "Este cliente ha esperado menos de un minuto.",
        "welcome": "Bienvenido. Su llamada será atendida por orden de llegada.",
        "thanks": "Gracias por esperar. Su llamada será atendida en cuanto sea posible.",
        "connecting": "Le ponemos en comunicación.",
    }),
}

# A tenth of full scale below the loudest tone: as loud as speech on the line. Edges fade, so that no joint clicks.
SHAPE = """rate -h 8000 highpass 200 norm -7 silence 1 0.01 1% reverse silence 1 0.01 1% fade 0.004 reverse fade 0.004
pad 0 0.03""".split()


def speak(voice, text, target):
    with tempfile.NamedTemporaryFile(suffix=".wav") as made:
        subprocess.run(["espeak-ng", "-v", voice, "-s", "150", "-w", made.name, text], check=True)
        form = ["-t", "wav", "-e", "mu-law", "-b", "8", "-c", "1"]
        subprocess.run(["sox", "-R", made.name, *form, str(target), *SHAPE], check=True)


if __name__ == "__main__":
    total = 0
    for language, (voice, words) in VOICES.items():
        folder = HERE / language
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in words.items():
            target = folder / f"{name}.wav"
            speak(voice, text, target)
            total += target.stat().st_size
        print(f"{language}: {len(words)} words")
    print(f"{total // 1024} KiB")
