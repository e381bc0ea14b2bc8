"""What callers and agents say, for `bench.word_times`: no numbers, names or words that are written in several ways.

The first half of each language is for choosing (attention heads), the second for checking what was chosen.
"""

from __future__ import annotations

from typing import Final

from assist.events import Language

SENTENCES: Final[dict[Language, tuple[str, ...]]] = {
    "es": (
        "Buenos días, llamo porque me cobraron la factura de octubre por duplicado.",
        "Necesito hablar con un supervisor ahora mismo, por favor.",
        "El contrato que firmé el año pasado no decía nada de eso.",
        "El técnico vino ayer por la tarde y no pudo arreglar la conexión.",
        "Quiero cancelar el servicio porque ya no lo necesito en mi casa.",
        "La tarjeta fue bloqueada después de varios intentos equivocados.",
        "Me puede decir cuánto debo pagar este mes por el plan familiar.",
        "Gracias por la espera, ya encontré su solicitud en el sistema.",
        "No entiendo por qué la entrega se retrasó otra vez esta semana.",
        "Le confirmo que el reembolso llegará a su cuenta el viernes.",
        "Mi esposa recibió un mensaje, pero el enlace no funciona.",
        "Para continuar necesito verificar algunos datos, si me permite.",
        "El paquete llegó abierto y faltaba el cargador del teléfono.",
        "Puedo ofrecerle un descuento en la próxima mensualidad.",
        "Desde el lunes la línea se corta cada vez que llueve.",
        "Su reclamo quedó registrado y un compañero lo llamará mañana.",
        "Disculpe, no escuché bien la última parte de la pregunta.",
        "El banco me dice que la transferencia todavía está pendiente.",
        "Si cambia de dirección, avísenos antes del corte de facturación.",
        "Claro que sí, con mucho gusto le explico cómo funciona la garantía.",
        "Buenas tardes, quisiera saber el estado de mi pedido.",
        "La aplicación se cierra sola cuando intento entrar con mi clave.",
        "Ya reinicié el equipo como me dijeron, pero sigue igual.",
        "Entiendo su molestia y voy a revisar el caso enseguida.",
        "Nadie me informó de ese cargo cuando contraté el seguro.",
        "El repartidor dejó la caja con el vecino del primer piso.",
        "Le envié los documentos por correo la semana pasada.",
        "Por seguridad, esta llamada puede ser grabada.",
        "Mi hija usa internet para estudiar y no puede esperar tanto.",
        "Prefiero que me devuelvan el dinero en lugar de otro aparato.",
        "La señal es muy débil en la cocina y en el patio.",
        "Antes de terminar, quiere que revise alguna otra cosa.",
        "El precio que aparece en la página es distinto al del recibo.",
        "Voy a transferir su llamada al departamento de pagos.",
        "Perdí la cartera y quiero bloquear todas mis tarjetas.",
        "La oficina del centro abre los sábados por la mañana.",
        "Si el problema continúa, el técnico pasará por su domicilio.",
        "Me gustaría cambiar la fecha de la visita, si es posible.",
        "Ese producto ya no está disponible en nuestra tienda.",
        "Muchas gracias por su ayuda, ha sido usted muy amable.",
    ),
    "en": (
        "Good morning, I am calling because I was charged twice on my last bill.",
        "I need to speak with a supervisor right now, please.",
        "The contract I signed last year did not say anything about that.",
        "The technician came yesterday afternoon and could not fix the connection.",
        "I want to cancel the service because we no longer need it at home.",
        "The card was blocked after several wrong attempts at the machine.",
        "Could you tell me how much I have to pay this month for the family plan?",
        "Thank you for waiting, I have found your request in the system.",
        "I do not understand why the delivery was delayed again this week.",
        "I can confirm that the refund will reach your account on Friday.",
        "My wife received a message, but the link does not work.",
        "Before we continue I need to check a few details, if I may.",
        "The package arrived open and the phone charger was missing.",
        "I can offer you a discount on your next monthly payment.",
        "Since Monday the line drops every time it rains.",
        "Your complaint has been recorded and a colleague will call you tomorrow.",
        "Sorry, I did not hear the last part of your question.",
        "My bank says that the transfer is still pending.",
        "If you move house, please let us know before the billing date.",
        "Of course, I will gladly explain how the warranty works.",
        "Good afternoon, I would like to know where my order is.",
        "The application closes by itself when I try to log in with my password.",
        "I have already restarted the router as they told me, but nothing changed.",
        "I understand that this is frustrating and I will look into it now.",
        "Nobody told me about this charge when I bought the insurance.",
        "The driver left the box with my neighbour on the ground floor.",
        "I sent the documents by mail last week.",
        "For your security, this call may be recorded.",
        "My daughter studies online and cannot wait that long.",
        "I would rather have my money back than another device.",
        "The signal is very weak in the kitchen and in the garden.",
        "Is there anything else that I can check before we finish?",
        "The price on the website is different from the one on my receipt.",
        "I am going to transfer your call to the payments department.",
        "I lost my wallet and want to block all my cards.",
        "The office in the city centre opens on Saturday morning.",
        "If the problem continues, a technician will visit your home.",
        "I would like to change the date of the appointment, if possible.",
        "That product is no longer available in our store.",
        "Thank you very much for your help, you have been very kind.",
    ),
}

CHOOSING: Final = slice(0, 20)
CHECKING: Final = slice(20, 40)

VOICES: Final[dict[Language, dict[str, tuple[tuple[str, int], ...]]]] = {
    "es": {
        "choose": (("es-419", 155), ("es+f2", 140)),
        "check": (("es-419+f3", 165), ("es+m3", 175)),
    },
    "en": {
        "choose": (("en-us", 155), ("en+f2", 140)),
        "check": (("en-us+f3", 165), ("en-gb-scotland+m3", 175)),
    },
}
"""espeak-ng voices and words per minute."""
