"""What patients write, collected: of danger and not, asking us to stop and not, in English and Spanish, misspelt too."""

DANGERS = """chest hurts|my chest is tight|pain in my chest|tightness in chest|pressure on my chest|chst pain|cheast pain
chest pian|CHEST PAIN!!!|feels like an elephant on my chest|my heart is racing|hart attack|heart atack
think im having a heart attack|cant breathe|cnt breath|can't breath|i cannot breathe|couldnt breathe|hard to breathe
hard 2 breathe|having trouble breathing|difficulty breathing|short of breath|shortness of breth|out of breath
im gasping for air|choking|my lips are blue|she stopped breathing|he is not breathing|can't catch my breath|stroke
i think im having a strok|face drooping|my left arm is numb|my arm went numb|cant feel my legs|can't move my arm
my speech is slurred|slurrd speech|cant speak|trouble speaking|i cant see|blurry vision|blured vision
worst headache of my life|my left side is weak|very confused|weakness on one side|can't talk right|i fainted
feel faint|passed out|pased out|i blacked out|collapsed in kitchen|my husband is unconscious|unconcious
she is unresponsive|he wont wake up|seizure|siezure|having convulsions|not responding|bleeding a lot
wont stop bleeding|im bleading|vomiting blood|coughing up blood|threw up blood|throwing up blood|overdose
i took too many pills|took all my pills|overdosed|took the whole bottle of pills|poisoned|I fell|i fell down
i fell in the shower|fell off the ladder|I've fallen and I can't get up|mom fell|my dad has fallen|had a bad fall
took a fall this morning|hit my head|broke my hip|i am on the floor|can't get up|cant stand up|i just fell
i want to die|kill myself|killing myself|i want to kill my self|sucide|suicidal|suiside|thinking about suicide
end it all|end my life|don't want to live|dont want to be here anymore|better off dead|i wish i was dead
no reason to live|hurt myself|im going to hurt myself|cutting myself|self harm|life is not worth living|i cant go on
wanna die|take my own life|i don't want to be alive|emergency|emergancy|emergncy|its an emergency|call 911|911
send an ambulance|ambulence please|need help now|send help|im dying|somebody help me|my throat is closing
tongue is swelling|allergic reaction|water broke|baby is not moving|my husband is beating me|me duele el pecho
dolor de pecho|dolor en el pecho|me duele mucho el pecho|dolor de pexo|dolor fuerte en el pecho|me aprieta el pecho
opresion en el pecho|presion en el pecho|tengo el pecho apretado|ataque al corazon|infarto|infarto al corazon
creo que es un infrato|no puedo respirar|nopuedo respirar|no puedo respirar bien|no respiro bien|me falta el aire
falta de aire|sin aire|me ahogo|me estoy ahogando|me cuesta respirar|me cuesta mucho respirar|dificultad para respirar
labios morados|no respira|derrame|derrame cerebral|embolia|no siento el brazo|no siento mi pierna|cara torcida
tengo la cara caida|brazo dormido|se me durmió el brazo|no puedo hablar|no puedo mover la pierna|no puedo ver
veo borroso|vision borrosa|vista borrosa|perdi el conocimiento|se me adormece la cara|me desmaye|me desmayé|se desmayo
me voy a desmayar|esta inconsciente|inconciente|convulsiones|convulsionando|no responde|no despierta|sangrando
estoy sangrando mucho|me sale sangre|vomito sangre|vomité sangre|tos con sangre|escupo sangre|hemorragia|sobredosis
tome muchas pastillas|me tomé todas las pastillas|tome demasiadas pastillas|me envenene|me cai|me caí
me caí en el baño|me cai de la escalera|se cayo|se cayó mi mama|mi esposo se cayó|me he caido|sufri una caida
tuve una caída|me golpee la cabeza|no me puedo levantar|no puedo levantarme|estoy en el piso
mi mamá está tirada en el suelo|quiero morir|quiero morirme|me quiero morir|me quiero matar|voy a matarme|suicidio
suicidarme|quiero suicidarme|suisidio|no quiero vivir|ya no quiero vivir|no quiero seguir viviendo|quitarme la vida
acabar con mi vida|terminar con todo|hacerme daño|cortarme|mejor muerto|quisiera estar muerta|no vale la pena vivir
me estoy muriendo|me muero|emergencia|es una emergencia|emerjencia|emergensia|ambulancia|ambulansia
llamen una ambulancia|auxilio|ausilio|socorro|ayuda urgente|es urgente|llame al 911|se me cierra la garganta
reaccion alergica|labios azules|se me rompio la fuente|mi esposo me pega"""

NOT_DANGERS = """thank you|ok|gracias|DONE|C|1|my cuff is broken|the battery is dead|I fell asleep|fell behind on my pills
can I come tomorrow?|my numbers look fine|what is my pressure goal|I painted the house|hecho|listo ya lo hice
ya me tome la pastilla|I took my pills|took my meds at 8|128/82|my sugar was 120|my weight went down
I can't find the cuff|i cant come tomorrow|no puedo ir mañana|no puedo encontrar el aparato|cuando es mi cita
me tome la presion|estoy bien|todo bien|I feel great today|I can't open the link|i cannot see the message
no puedo ver el mensaje|wrong number|soy su hija|please call me|llámeme|me llamo Jose|my husband has the phone
my pressure is better|la presion esta bien|happy thanksgiving|How are you|who is this|quien es|sleep well
the strap is tight|my phone died|battery died|the machine says error|I will do it later|it hurts to pay so much
my cough is better|sangria|me duele pagar|prices fell|the arm cuff is too small|my arm is too big for the cuff
cambie de telefono|se me olvido|I forgot|heading out|the chest freezer is full|mi aparato no funciona|no funciona
no entiendo|hola buenos dias|what time|reminder please|hi this is Mary|face mask required?|I have a headache"""

OPT_OUTS = """STOP|stop.|Stop|stpo|sotp|stopp|STOPALL|stop all|stop it|stop please|pls stop|unsubscribe|unsubcribe|unsubscribe me
unsub|cancel|cancle|quit|end|revoke|opt out|optout|opt me out|stop texting me|stop txting me|quit texting me
please stop texting|stop sending me messages|stop these messages|stop the reminders|no more texts
no more messages please|no more|dont text me|don't text me anymore|do not text this number|do not contact me again
please don't text anymore|never text me again|take me off your list|take me off this list|remove me
remove me from your list|remove my number|delete my number|lose my number|leave me alone|I don't want these texts
I do not want to receive messages|i no longer want to receive these texts|I no longer wish to get these
I want to opt out|I revoke my consent|i withdraw my consent|I do not consent|stop bothering me|enough with the texts
fed up with these messages|stop contacting me|you can stop texting me now|off your list please|I'd like to unsubscribe
ALTO|alto|PARAR|parar|pare|paren|basta|ya basta|no mas|no más mensajes|no mas mensajes por favor|cancelar|baja
darme de baja|quiero darme de baja|denme de baja|me quiero dar de baja|no me manden mensajes|no me manden mas mensajes
no me mande más|no me envien mensajes|no me escriban|ya no me escriban|no me escriba más|dejen de mandarme mensajes
deje de escribirme|dejen de molestar|no quiero mensajes|no quiero recibir mensajes|no quiero mas mensajes
no deseo recibir mensajes|ya no quiero recibir textos|no quiero que me manden mensajes|no quiero que me escriban
borren mi numero|borre mi número|quiten mi numero|sáquenme de la lista|quítenme de su lista|no me contacten
no me molesten|paren de mandar mensajes|stop por favor|cancelar mi suscripcion|no me llamen mas|eliminen mi numero"""

NOT_OPT_OUTS = """my dizziness won't stop|should I stop taking the pill?|I can't stop coughing|I need to cancel my appointment
at the end of the day|when should I stop sending my readings?|I don't text well|no me mandaron la receta
mi presión está en lo alto|can you call me?|the bus stop is far|I stopped smoking|stop by tomorrow?
I will stop by the clinic|do not stop helping me|no puedo parar de toser|me bajo la presion|don't stop texting me
la presion alta|cancel my visit on monday|quiero cancelar mi cita|pare de fumar|no mas dolor|no more pain
no more pills left|bring it to an end|please do not forget me|I want no texts at night?|sit in the front row"""


def cases(text: str) -> list[str]:
    return [case for line in text.splitlines() for case in line.split("|")]
