// What the page says, in three languages. A missing word shows its key: a test looks for those.

import { signal } from "@preact/signals";

/** @type {Record<string, [en: string, pt: string, es: string]>} */
const WORDS = {
  "language": ["Language", "Idioma", "Idioma"],
  "sign_in": ["Sign in", "Entrar", "Entrar"],
  "sign_out": ["Sign out", "Sair", "Salir"],
  "name": ["Name", "Nome", "Nombre"],
  "password": ["Password", "Palavra-passe", "Contraseña"],
  "welcome": ["Sign in to see your calls.", "Entre para ver as suas chamadas.", "Entre para ver sus llamadas."],

  "status.ready": ["Ready", "Disponível", "Listo"],
  "status.not_ready": ["Not ready", "Indisponível", "No listo"],
  "status.offline": ["Offline", "Desligado", "Fuera de línea"],
  "status.ringing": ["Ringing", "A tocar", "Sonando"],
  "status.dialing": ["Dialing", "A marcar", "Marcando"],
  "status.busy": ["In service", "Em serviço", "En servicio"],
  "status.wrap_up": ["After-call work", "Pós-atendimento", "Después del servicio"],
  "status.banned": ["Paused by a missed call", "Em pausa por chamada perdida", "En pausa por llamada perdida"],
  "status.dnd": ["Do not disturb", "Não incomodar", "No molestar"],
  "pending": ["then {what}", "depois {what}", "luego {what}"],
  "pending.log_off": ["sign-out", "sair", "salir"],
  "reason.system:login": ["just signed in", "acabou de entrar", "recién conectado"],
  "reason.system:missed": ["missed calls", "chamadas perdidas", "llamadas perdidas"],
  "reason.system:manual": ["choose your status", "escolha o seu estado", "elija su estado"],
  "reason.system:lost": ["connection lost", "ligação perdida", "conexión perdida"],
  "reason.system:unreachable": ["phone unreachable", "telefone inacessível", "teléfono inaccesible"],
  "overridden": ["{who} changed your status", "{who} mudou o seu estado", "{who} cambió su estado"],
  "overridden.api": ["A program", "Um programa", "Un programa"],
  "your_status": ["Your status", "O seu estado", "Su estado"],
  "in_status_for": ["Time in this status", "Tempo neste estado", "Tiempo en este estado"],
  "still_there": ["Are you there? Press any key.", "Ainda está aí? Prima uma tecla.", "¿Sigue ahí? Pulse una tecla."],
  "reason.system:inactive": ["nobody at the page", "ninguém na página", "nadie en la página"],
  "reason.system:too_long": ["pause too long", "pausa demasiado longa", "pausa demasiado larga"],
  "reason.system:logged_off": ["logged off", "desligado", "desconectado"],
  "time_left": ["Time left", "Tempo restante", "Tiempo restante"],
  "no_reason": ["No reason", "Sem motivo", "Sin motivo"],
  "reason": ["Reason", "Motivo", "Motivo"],
  "phone_ok": ["Phone connected", "Telefone ligado", "Teléfono conectado"],
  "phone_missing": ["No phone connected", "Nenhum telefone ligado", "Ningún teléfono conectado"],

  "offer.title": ["Incoming call", "Chamada recebida", "Llamada entrante"],
  "offer.phone": ["Just pick up your phone, or accept here first.", "Atenda no telefone, ou aceite primeiro aqui.", "Conteste en su teléfono, o acepte primero aquí."],
  "offer.no_phone": ["Your phone can't be reached.", "O seu telefone está inacessível.", "Su teléfono no es accesible."],
  "pick_up": ["Pick up your phone", "Atenda o telefone", "Descuelgue su teléfono"],
  "accept": ["Accept", "Atender", "Aceptar"],
  "decline": ["Decline", "Recusar", "Rechazar"],
  "waited": ["waited {time}", "esperou {time}", "esperó {time}"],
  "call.title": ["Current call", "Chamada atual", "Llamada actual"],
  "recordings.title": ["Recordings", "Gravações", "Grabaciones"],
  "recordings.none": ["Nothing is recorded that you may hear.", "Não há gravações que possa ouvir.", "No hay grabaciones que pueda oír."],
  "recordings.play": ["Play", "Ouvir", "Escuchar"],
  "recordings.partial": ["incomplete", "incompleta", "incompleta"],
  "recordings.again": ["Look again", "Ver de novo", "Mirar de nuevo"],
  "recording.on": ["Recording", "A gravar", "Grabando"],
  "recording.paused": ["Recording paused", "Gravação em pausa", "Grabación en pausa"],
  "recording.pause": ["Pause recording", "Pausar gravação", "Pausar grabación"],
  "recording.resume": ["Resume recording", "Retomar gravação", "Reanudar grabación"],
  "hang_up": ["Hang up", "Desligar", "Colgar"],
  "wrap_up.title": ["After-call work", "Pós-atendimento", "Después del servicio"],
  "over_target": ["over the target", "além do previsto", "más de lo previsto"],
  "finish": ["Finish", "Terminar", "Terminar"],
  "extend": ["More time", "Mais tempo", "Más tiempo"],
  "done": ["Done", "Concluído", "Hecho"],
  "disposition": ["Result", "Resultado", "Resultado"],
  "disposition.choose": ["choose…", "escolha…", "elija…"],
  "tags": ["Labels", "Etiquetas", "Etiquetas"],
  "notes": ["Notes", "Notas", "Notas"],
  "no_work": ["No call at the moment.", "Nenhuma chamada neste momento.", "Ninguna llamada en este momento."],
  "unknown_caller": ["Unknown number", "Número desconhecido", "Número desconocido"],
  "your_work": ["Your work", "O seu trabalho", "Su trabajo"],

  "your_queues": ["Your queues", "As suas filas", "Sus colas"],
  "no_queues": ["You belong to no queue.", "Não pertence a nenhuma fila.", "No pertenece a ninguna cola."],
  "log_in": ["Log in", "Entrar", "Entrar"],
  "log_in_all": ["Log in to all", "Entrar em todas", "Entrar en todas"],
  "log_out": ["Log out", "Sair", "Salir"],
  "log_out_all": ["Log out of all", "Sair de todas", "Salir de todas"],
  "pause": ["Pause", "Pausar", "Pausar"],
  "resume_all": ["Resume all", "Retomar todas", "Reanudar todas"],
  "resume": ["Resume", "Retomar", "Reanudar"],
  "member.active": ["Logged in", "Dentro", "Dentro"],
  "member.paused": ["Paused", "Em pausa", "En pausa"],
  "member.logged_out": ["Logged out", "Fora", "Fuera"],
  "temporary": ["temporary", "temporário", "temporal"],

  "queues": ["Queues", "Filas", "Colas"],
  "queue": ["Queue", "Fila", "Cola"],
  "waiting": ["Waiting", "Em espera", "En espera"],
  "estimate": ["Estimated wait", "Espera estimada", "Espera estimada"],
  "queue_closed": ["closed", "fechada", "cerrada"],
  "longest": ["Longest wait", "Maior espera", "Mayor espera"],
  "logged_in": ["Logged in", "Agentes", "Agentes"],
  "free": ["Free", "Livres", "Libres"],
  "answered": ["Answered today", "Atendidas hoje", "Atendidas hoy"],
  "abandoned": ["Abandoned today", "Abandonadas hoje", "Abandonadas hoy"],
  "agents": ["Agents", "Agentes", "Agentes"],
  "agent": ["Agent", "Agente", "Agente"],
  "status": ["Status", "Estado", "Estado"],
  "since": ["For", "Há", "Desde hace"],
  "contact": ["Customer", "Cliente", "Cliente"],
  "device": ["Phone", "Telefone", "Teléfono"],
  "reachable": ["reachable", "acessível", "accesible"],
  "unreachable": ["unreachable", "inacessível", "inaccesible"],
  "actions": ["Actions", "Ações", "Acciones"],
  "calls": ["Calls", "Chamadas", "Llamadas"],
  "caller": ["Caller", "Quem liga", "Quién llama"],
  "dialled": ["Dialled", "Número marcado", "Marcado"],
  "stage": ["Stage", "Fase", "Fase"],
  "stage.ringing": ["Ringing", "A tocar", "Sonando"],
  "stage.waiting": ["Waiting", "Em espera", "En espera"],
  "stage.talking": ["Talking", "Em conversa", "Hablando"],
  "stage.held": ["On hold", "Em pausa", "Retenida"],
  "stage.menu": ["In the menu {menu}", "No menu {menu}", "En el menú {menu}"],
  "stage.playing": ["Listening", "A ouvir", "Escuchando"],
  "duration": ["Time", "Tempo", "Tiempo"],
  "no_calls": ["No live calls.", "Nenhuma chamada em curso.", "Ninguna llamada en curso."],
  "set_ready": ["Set ready", "Pôr disponível", "Poner listo"],
  "set_not_ready": ["Set not ready", "Pôr indisponível", "Poner no listo"],
  "end_wrap_up": ["End after-call work", "Terminar pós-atendimento", "Terminar después del servicio"],

  "phone.title": ["Telephone", "Telefone", "Teléfono"],
  "phone.invitation": ["Take calls in this browser: you need a microphone and headphones.", "Atenda chamadas neste navegador: precisa de microfone e auscultadores.", "Atienda llamadas en este navegador: necesita micrófono y auriculares."],
  "phone.here": ["Take calls here", "Atender aqui", "Atender aquí"],
  "phone.elsewhere": ["Take no calls here", "Não atender aqui", "No atender aquí"],
  "phone.not_able": ["This browser gives this page no microphone: open it by https or on this machine.", "Este navegador não dá microfone a esta página: abra-a por https ou nesta máquina.", "Este navegador no da micrófono a esta página: ábrala por https o en esta máquina."],
  "phone.no_microphone": ["There is no microphone for this page.", "Não há microfone para esta página.", "No hay micrófono para esta página."],
  "phone.allow_it": ["Allow it in the browser's address bar.", "Permita-o na barra de endereço do navegador.", "Permítalo en la barra de direcciones del navegador."],
  "phone.plug_in": ["Plug one in and try again.", "Ligue um e tente de novo.", "Conecte uno e inténtelo de nuevo."],
  "phone.too_many": ["The switch takes no more pages as telephones.", "A central não aceita mais páginas como telefones.", "La central no acepta más páginas como teléfonos."],
  "phone.calls": ["Incoming call", "Chamada a entrar", "Llamada entrante"],
  "phone.dialling": ["Calling…", "A chamar…", "Llamando…"],
  "phone.connecting": ["Connecting…", "A ligar…", "Conectando…"],
  "clips.title": ["Sound clips", "Clipes de som", "Clips de audio"],
  "clips.play": ["Play a clip", "Tocar um clipe", "Reproducir un clip"],
  "clips.last": ["Play and hang up", "Tocar e desligar", "Reproducir y colgar"],
  "clips.stop": ["Stop the clip", "Parar o clipe", "Parar el clip"],
  "clips.agent_hears": ["I hear it too", "Eu também ouço", "Yo también lo oigo"],
  "clips.none": ["You have no clips yet.", "Ainda não tem clipes.", "Todavía no tiene clips."],
  "clips.public": ["for all", "para todos", "para todos"],
  "clips.kept": ["In use", "Em uso", "En uso"],
  "clips.archived": ["Archive", "Arquivo", "Archivo"],
  "clips.none_archived": ["Nothing is put away.", "Nada está arquivado.", "No hay nada archivado."],
  "clips.name": ["Name", "Nome", "Nombre"],
  "clips.record": ["Record a clip", "Gravar um clipe", "Grabar un clip"],
  "clips.anew": ["Record anew", "Gravar de novo", "Grabar de nuevo"],
  "clips.enough": ["Stop and keep", "Parar e guardar", "Parar y guardar"],
  "clips.restore": ["Take back", "Recuperar", "Recuperar"],
  "clips.delete": ["Delete", "Apagar", "Borrar"],
  "clips.archive": ["Put away", "Arquivar", "Archivar"],
  "clips.upload": ["Upload a clip", "Enviar um clipe", "Subir un clip"],
  "clips.unnamed": ["Clip", "Clipe", "Clip"],
  "phone.controls": ["Call controls", "Comandos da chamada", "Controles de la llamada"],
  "phone.mute": ["Mute", "Silenciar", "Silenciar"],
  "phone.hold": ["Hold", "Em espera", "Retener"],
  "phone.held_long": ["Somebody is still on hold.", "Alguém continua em espera.", "Alguien sigue en espera."],
  "phone.keypad": ["Keypad", "Teclado", "Teclado"],
  "phone.whom": ["Number or name", "Número ou nome", "Número o nombre"],
  "phone.call": ["Call", "Ligar", "Llamar"],
  "phone.not_dialled": ["The call was not made.", "A chamada não foi feita.", "No se hizo la llamada."],
  "phone.not_allowed": ["You may not call there.", "Não pode ligar para aí.", "No puede llamar allí."],
  "phone.nobody": ["This number leads nowhere.", "Este número não existe.", "Este número no existe."],
  "phone.no_answer": ["Nobody answered.", "Ninguém atendeu.", "Nadie contestó."],
  "phone.busy": ["Busy.", "Ocupado.", "Ocupado."],
  "phone.failed": ["The call failed.", "A chamada falhou.", "La llamada falló."],

  "phone.keep": ["Keep", "Guardar", "Guardar"],
  "phone.favourites": ["Favourites", "Favoritos", "Favoritos"],
  "phone.forget": ["Forget {number}", "Esquecer {number}", "Olvidar {number}"],
  "pass.title": ["Transfer", "Transferir", "Transferir"],
  "pass.search": ["Name, number or queue", "Nome, número ou fila", "Nombre, número o cola"],
  "pass.now": ["Transfer now", "Transferir já", "Transferir ya"],
  "pass.ask": ["Ask first", "Perguntar antes", "Preguntar antes"],
  "pass.nobody": ["Nobody by this name.", "Ninguém com este nome.", "Nadie con este nombre."],
  "pass.queue": ["{waiting} waiting, {free} free", "{waiting} em espera, {free} livres", "{waiting} en espera, {free} libres"],
  "pass.group": ["{reachable} of {members} reachable", "{reachable} de {members} acessíveis", "{reachable} de {members} accesibles"],
  "pass.asking": ["You are asking {name}; the customer hears music.", "Está a falar com {name}; o cliente ouve música.", "Está consultando a {name}; el cliente oye música."],
  "pass.complete": ["Complete", "Concluir", "Completar"],
  "pass.swap": ["Swap", "Alternar", "Alternar"],
  "pass.merge": ["All three", "Os três", "Los tres"],
  "pass.back": ["Back to the customer", "Voltar ao cliente", "Volver al cliente"],
  "offer.dialled": ["dialled {number}", "marcou {number}", "marcó {number}"],

  "audio.title": ["Sound", "Som", "Sonido"],
  "audio.microphone": ["Microphone", "Microfone", "Micrófono"],
  "audio.speaker": ["Speaker", "Altifalante", "Altavoz"],
  "audio.speaker.volume": ["Speaker volume", "Volume do altifalante", "Volumen del altavoz"],
  "audio.ringer": ["Ringer", "Campainha", "Timbre"],
  "audio.ringer.volume": ["Ringer volume", "Volume da campainha", "Volumen del timbre"],
  "audio.usual": ["As the system has it", "O do sistema", "El del sistema"],
  "audio.echo": ["Test: hear yourself", "Teste: ouça-se", "Prueba: escúchese"],
  "audio.try_ringer": ["Try the ringer", "Testar a campainha", "Probar el timbre"],
  "audio.speak": ["Say something…", "Diga algo…", "Diga algo…"],
  "audio.listen": ["This is how you sound.", "É assim que soa.", "Así suena usted."],
  "audio.level": ["Level", "Nível", "Nivel"],

  "link.connecting": ["Connecting…", "A ligar…", "Conectando…"],
  "link.lost": ["The connection is lost. What you see may be old; trying again.", "A ligação caiu. O que vê pode estar desatualizado; a tentar de novo.", "Se perdió la conexión. Lo que ve puede ser antiguo; reintentando."],
  "close": ["Close", "Fechar", "Cerrar"],
  "failed": ["The switch can't be reached.", "A central não responde.", "La central no responde."],
};

const LANGUAGES = ["en", "pt", "es"];

const kept = localStorage.getItem("language");
const asked = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => LANGUAGES.includes(tag));

export const language = signal(kept && LANGUAGES.includes(kept) ? kept : asked ?? "en");

/** @param {string} tag */
export function setLanguage(tag) {
  language.value = tag;
  localStorage.setItem("language", tag);
  document.documentElement.lang = tag;
}

document.documentElement.lang = language.value;

/**
 * The word in the chosen language; `{name}` is filled in.
 * @param {string} key
 * @param {Record<string, string>} [values]
 */
export function t(key, values = {}) {
  const word = WORDS[key]?.[LANGUAGES.indexOf(language.value)] ?? key;
  return word.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/**
 * A reason of the switch has a word here, an administrator's has a name of its own.
 * @param {string | null | undefined} reason
 * @param {{ reason: string, name: string }[]} choices
 */
export function reasonName(reason, choices) {
  if (!reason) return "";
  return WORDS[`reason.${reason}`] ? t(`reason.${reason}`) : choices.find((one) => one.reason === reason)?.name ?? reason;
}
