#!/usr/bin/env python3
"""Speaks what people and machines say when they pick up, for the test of answer detection. µ-law at 8 kHz.

    python3 sip-tests/corpus/answers/speak.py        needs espeak-ng and sox

`tuned_*` were listened to while the detector was made, `fresh_*` were not: other words, other voices. Noise, levels, pauses
and beeps are added by `src/media/ear/answer/tests.rs`. Texts of this project, spoken by espeak-ng; CC0 1.0.
"""
import subprocess
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent

HUMAN = {
    "tuned": [
        ("en-gb+m1", 165, "Hello?"), ("en-gb+f2", 180, "Hello."), ("en-us+m3", 170, "Yes?"), ("en-us+f1", 175, "Hi, this is Mary."),
        ("en-gb+m4", 160, "Peter Baker."), ("en-gb+f3", 185, "Good morning, Baker and Sons, Anne speaking."),
        ("pt+m2", 165, "Está lá?"), ("pt+f1", 175, "Estou sim?"), ("pt-br+m1", 170, "Alô?"), ("pt+f4", 180, "Bom dia, fala a Rita."),
        ("es+m3", 175, "¿Dígame?"), ("es+f2", 170, "¿Sí, diga?"), ("es-419+m1", 165, "¿Bueno?"), ("es+f4", 180, "Hola, soy Carmen."),
    ],
    "fresh": [
        ("en-gb+m5", 170, "Hello, who is it?"), ("en-us+f3", 165, "Hey."), ("en-gb+f4", 175, "Speaking."), ("en-us+m6", 180, "Yeah, hello?"),
        ("en-gb+m7", 160, "John Carter here."), ("en-us+f5", 185, "Thanks for calling Miller Dental, this is Kate."),
        ("pt+m5", 170, "Sim?"), ("pt-br+f2", 175, "Alô, quem fala?"), ("pt+f3", 165, "Boa tarde, diga."), ("pt-br+m4", 180, "Oi, pois não?"),
        ("es+m6", 165, "Hola."), ("es+f1", 180, "¿Quién es?"), ("es-419+f3", 170, "Aló, buenas tardes."), ("es+m1", 160, "¿Sí?"),
    ],
}
MACHINE = {
    "tuned": [
        ("en-gb+f2", 165, "Hello, you have reached the voice mail of Peter Baker. I cannot take your call now. Please leave a message."),
        ("en-us+m1", 170, "Hi, this is Mark. Leave me a message and I will call you back as soon as I can."),
        ("en-us+f1", 160, "The person you are calling is not available. At the tone, please record your message."),
        ("pt+f1", 165, "Ligou para o número nove um dois três. Não posso atender. Deixe mensagem depois do sinal."),
        ("pt-br+m1", 170, "Sua chamada está sendo encaminhada para a caixa postal e estará sujeita a cobrança após o sinal."),
        ("es+f2", 165, "El teléfono al que llama no está disponible. Deje su mensaje después de la señal."),
        ("es+m3", 170, "Hola, soy Miguel. Ahora no puedo hablar. Deja tu mensaje."),
    ],
    "fresh": [
        ("en-gb+m3", 170, "This is Carter and Company. Our office is closed. Please call again from nine to five, or leave your name and number."),
        ("en-us+f4", 175, "Your call has been forwarded to an automatic voice message system."),
        ("en-gb+f5", 160, "We are out at the moment, but do leave us a message after the beep."),
        ("pt+m4", 160, "O cliente para o qual ligou não está disponível. Por favor tente mais tarde."),
        ("pt-br+f3", 170, "Oi, aqui é a Paula. Deixe seu recado que eu retorno assim que puder."),
        ("es+m5", 175, "Ha llamado a la consulta del doctor Ruiz. Nuestro horario es de nueve a dos."),
        ("es-419+f1", 165, "Por el momento no podemos atenderle. Deje su nombre y su número de teléfono."),
    ],
}


def speak(path, voice, speed, text):
    with tempfile.NamedTemporaryFile(suffix=".wav") as raw:
        subprocess.run(["espeak-ng", "-v", voice, "-s", str(speed), "-w", raw.name, text], check=True)
        # No silence around it: the test adds its own.
        trim = ["silence", "1", "0.005", "0.4%", "reverse", "silence", "1", "0.005", "0.4%", "reverse"]
        shape = ["highpass", "200", "norm", "-6"]
        subprocess.run(["sox", raw.name, "-e", "u-law", "-r", "8000", "-c", "1", str(path), *shape, *trim], check=True)


for kind, sets in (("human", HUMAN), ("machine", MACHINE)):
    for name, lines in sets.items():
        for number, (voice, speed, text) in enumerate(lines):
            speak(HERE / f"{name}_{kind}_{number:02}.wav", voice, speed, text)
