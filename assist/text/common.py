"""Everyday words of both languages, in plain form: a company's vocabulary never replaces one of them."""

from functools import cache
from typing import Final

from assist.events import Language
from assist.text.words import (
    COUNTED,
    CURRENCIES,
    LETTERS,
    MONTHS,
    NUMBERS,
    ORDINALS,
    SCALES,
    UNITS,
    WEEKDAYS,
    words_of,
)

_ES: Final = words_of("""
a abajo abierto abierta abono abra abre abrir acaba acabo aceptar acepto acerca aclarar actual acuerdo adelante
ademas adios agencia agente agradezco agua ahi ahora ajuste al algo alguien algun alguna algunas alguno algunos alla
alli alto amable ambos amigo ante anterior antes anual ano anos apagar aparece apellido apenas aplica aplicar aqui
area arriba asesor asesora asi aun aunque aviso ayer ayuda ayudar ayudo bajo banco barrio base basico bastante bien
bloqueo bonito buen buena buenas bueno buenos buscar busco caja calidad calle cambia cambiar cambio camino cancelar
cancelo canal cantidad cara cargo cargos caro carro carta casa casi caso causa celular central centro cerca cerrar
cierto ciudad claro clave cliente clientes cobran cobrar cobraron cobro cobros codigo colegio comercial como
compania compra comprar compre computador comun con conexion confirma confirmar conmigo conozco consulta consultar
consumo contacto contenido contrasena contrato control copia correcta correcto correo corriente corte cosa cosas
costo creo credito cual cuales cualquier cuando cuanta cuantas cuanto cuantos cuenta cuentas cuota cuotas cumplir da
dado dan dando dar dato datos de deba debe debemos deber debito debo decia decir deja dejar dejo del demas demora
dentro departamento derecho desde deseo despues detalle deuda devolucion devolver dia dias dice dicen dicho
diferencia diferente digame digo digital dijeron dijo dinero direccion disculpe disponible distinto documento
domicilio donde doy durante e edad efectivo ejemplo el electronico ella ellas ellos embargo emergencia empleado
empresa en encima encontrar enero entender entendido entiendo entonces entra entrada entrar entre entrega enviar
enviaron envio equipo equipos era eran error errores es esa esas escribir escuchar ese eso esos espera esperando
esperar espere espero esposa esposo esta estaba estado estamos estan estar estas este esto estos estoy euro evitar
exacto exito extra facil factura facturacion facturas falla fallas falta familia familiar favor fecha feliz final
fin firma forma foto fraude frente fue fuera fueron fui funciona funcionar futuro garantia gasto general generar
generado gente gestion gracias gran grande gratis grave grupo gusta gusto ha haber habia habla hablar hablo hace
hacen hacer hacia haga hago han hasta hay haya he hecha hecho hermana hermano hice hija hijo hizo hogar hola hombre
hora horario horas hoy hubo idea identidad igual igualmente importante incluye informacion informar ingresa ingresar
ingreso instalacion instalar interes internet intente intento ir jamas joven junto kilo la lado larga largo las le
lejos lento les letra letras libre linea lineas listo llama llamada llamadas llamado llamando llamar llame llamo
llega llegado llegar llegue llevar llevo llorar lo local los luego lugar luz madre mal mala malo manana manera mando
mano mantener mas mayor me medio mediodia mejor mejorar menor menos mensaje mensajes mensual mes mesa meses meta
metodo mi mia mientras minima minimo minuto minutos mio mira mire mis misma mismas mismo mismos modelo modo molesta
molestia molesto momento monto motivo movil movimiento muchas mucho muchos mueble mujer mundo muy nada nadie natural
necesita necesito negocio ni nina ninguna ninguno nino niveles nivel no noche nombre normal nos nosotros nota
noticia nueva nuevamente nuevas nuevo nuevos numero numeros nunca o obra ocupado oferta oficina ofrecer ojala
operacion operador opcion opciones orden otra otras otro otros padre paga pagado pagar pago pagos pague pais palabra
pantalla papel paquete para parada pare parece parte pasa pasada pasado pasar paso pausa pedido pedir pendiente
pensar peor pequeno perder perdido perdon perfecto perdi permitame permiso pero persona personal personas pesar peso
pesos piden pidio piso plan planes plata plazo poco poder podemos podria pone poner por porque posible precio
pregunta prefiero premio presente prima primer primera primero problema problemas proceso producto productos
programa promocion pronto propia propio proxima proximo prueba publico pude puede pueden puedo puerta pues punto que
queda quedar quedo queja quejas quien quienes quiera quiere quieren quiero quisiera radicado rapido raro razon real
realidad realizar realmente recarga recibi recibir recibo reclamo reconozco recordar red referencia registro
regresar regreso renta reparar reporte requisito respecto responde respuesta resto resultado resumen retiro revisar
revise robo rojo ropa ruta sabe saber sabia sacar sala saldo sale salir salon salud saludo se sea sector seguimiento
seguir segun segunda segundo seguridad seguro semana semanas senal senor senora senorita ser seria servicio
servicios si sido siempre siendo siga significa sigue siguiente sin sino sirve sistema sitio situacion sobre sol
solamente solicitud solo solucion solucionar son soporte soy su subir sube sucursal suficiente sujeto suma super
supervisor sus suyo tal tambien tampoco tan tanto tarde tardes tarifa tarjeta tarjetas te tecnico telefono tema
temprano tenemos tener tengo tenia tercera terminar termino ti tiempo tiempos tienda tiene tienen tipo titular toda
todas todavia todo todos tomar tono total trabajar trabajo traer traje tramite tras trata tres tu tuve tuvo u
ubicacion ultima ultimas ultimo un una unas uno unos urgente usar uso usted ustedes usuario va vacaciones valido
valor vamos van varias varios vaya ve veces velocidad ven vencida vender venia venir venta ver verdad verificar ves
vez via viaje vida viene viernes visita visto vivo voy voz vuelta vuelto vuelve y ya yo zona lunes martes miercoles
jueves sabado domingo perro gato negro blanco azul verde fibra rural movil playa dorado diamante
""")

_EN: Final = words_of("""
a able about above access account accounts across actually add address advance after afternoon again against ago
agree agreed ahead all allow almost alone already alright also always am amount an and angry another answer any
anybody anymore anyone anything anyway apartment apologize apology app appear application apply appointment
appreciate are area around as ask asked asking at available away back bad balance bank base basic be because become
been before behind being believe below best better between big bill billed billing bills birth bit black block
blocked blue book both bother bought box branch bring broken brought building business busy but buy by call called
caller calling calls came can cancel cancelled cannot card cards care case cash cause cell center certain change
changed charge charged charges cheap check checked checking choose city claim claims clear close closed code cold
come comes coming company complain complaint complete confirm connect connected connection contact continue contract
control copy correct cost could country couple course cover credit current customer cut daily data date day days
dead deal dear debit decide decline deep delay delete deliver delivery department deposit did different difficult
digit digits direct discount do does doing done door double down drive drop due during each early easy either else
email empty end ended ending enough enter error even evening ever every everybody everyone everything exactly
example except excuse expect expensive experience explain extra eye face fact family far fast father fee feel feels
fees fell felt few file final find fine finish first fix fixed follow following for forget form forward found four
fraud free friday friend from front full fund further future gave general get gets getting give given gives giving
glad go goes going gold gone good got great green group guess had half hand happen happened happening happy hard has
hate have having he head hear heard hello help helped her here hers hey hi high him his hold holding home honest
hope hour hours house how however hundred hurt i idea identity if important in include including information inside
instead insurance interest internet into invoice is issue issues it item its itself job just keep kept key kind knew
know known large last late later least leave left less let letter letters level life light like limit line lines
list listen little live lived loan local located log long longer look looked looking lose lost lot lots love low
made mail main make makes making man manager many maybe me mean means meant mess message mind mine minute minutes
miss missed missing mobile modem mom moment money monthly months more morning most mother move moved much must my
myself name named national near need needed needs network never new news next nice night no nobody none normal not
note nothing notice now number numbers of off offer office often oh okay old on once one online only open opened
option or order orders other others our out outside over own package page paid paper part party pass password past
pay paying payment payments people perfect perhaps person personal phone pick piece place plan plans play please
plus point policy possible post power premium prepaid present press price pretty previous prime problem problems
process product program promise proof provide purchase put question questions quick quickly quite rate rather reach
read ready real really reason receive received recent recently recognize record recorded red reference refund
refused regular remember remove repair repeat replace report represent request resolve response rest return review
right road room router rule run said sale same save saw say saying says school second seconds secure security see
seem seems seen select sell send sense sent separate serious service services set settle several shall she ship
shipped short should show shut side sign signal silver simple simply since sir sit site situation six slow small
smart so social sold solve some somebody someone something sometimes soon sorry sort sound sounds speak speaking
special speed spell spend spent spoke standard star start started state statement stay still stolen stop stopped
store street strong stuff such suggest summary supervisor supply support suppose sure switch system take taken takes
taking talk talked talking team technical tell telling terms terrible text than thank thanks that the their them
then there these they thing things think third this those though thought thousand through till time times to today
together told tomorrow tonight too took top total toward town track transfer tried trouble true trust try trying
turn twice two type under understand understood unless until up upset us use used user using usual verify very view
visit voice wait waited waiting want wanted wants was watch water way we web week weeks welcome well went were what
whatever when where whether which while white who whole whom why wife will wireless wish with within without woman
wonder word words work worked working works world worried worry worse worst would write wrong yeah year years yes
yesterday yet you young your yours yourself zero
""")


@cache
def common_words(language: Language) -> frozenset[str]:
    """Everyday words, numbers and calendar words of ``language``."""
    words = set(_ES if language == "es" else _EN)
    for table in (NUMBERS, SCALES, MONTHS, UNITS, COUNTED, CURRENCIES, LETTERS):
        words.update(table[language])
    if language == "en":
        words |= WEEKDAYS | set(ORDINALS)
    return frozenset(words)
