"""What a wish for no more texts is made of, in English, Spanish and both at once: concepts and the rules over them.

The rules are read by `notifications.phrases`. Staff see an opt-out and can undo it, so a doubtful one counts.
"""

CONCEPTS = {
    "STOP": """
        stop quit cease halt end cancel discontinue terminate suspend kill_the knock_off no_more enough without
        silence mute lay_off give_it_a_rest disable deactivate cut_it_out cut_out refuse stopping ending ceasing
        quiten
    """,
    "TEXTS": """
        text texts texting message messages messaging sms reminder reminders reminding notification notifications
        alert alerts contact contacting contacts call calls calling spam spamming bothering bugging pestering
        sending blowing harassing hitting writing communication communications mensaj* texto textos texteo
        recordatorio* aviso* avisos notificacion* notificaciones alertas llamad* robocall* nagging hounding bot
        automated mesaj* emails pings pinging subscription suscripcion mails correspondence outreach mensajeo
        spamear notices nonsense mess crap shit stuff
    """,
    "SEND": """
        text texting message messaging contact contacting call calling send sending bother bothering write writing
        bug bugging remind reminding spam harass hound nag ping email reach pester ring annoy hit_up use hmu disturb
    """,
    "MANDAR": """
        mand* envi* escrib* molest* chinga* jod* freg* frieg* llam* text* mensaj* contact* record* lata esten_mand*
        spam* marc* habl* busc* notifi* avis* acos* estar_mand* insist* llegu* llegar llega llegan enfad* mensajear
        hostig* fastid* chateen busquen
    """,
    "MANDENME": """
        mande manden mandes mandar manda mandan mandando mandarme mandenme mandeme envie envien envies enviar envian
        enviarme escriba escriban escribas escribe escribir escribirme moleste molesten molestes molestar molestarme
        llame llamen llames llamar llamarme contacte contacten contactar contactarme textee texteen textear text
        texts texte texten recuerden recuerde mensajee mensajeen lleguen llegue llegar llegando marquen marque
        busquen hablen notifiquen avisen mensajes insistan insista joda jodan chinguen chingue frieguen friegue
        fastidien esten
    """,
    "NOT": "dont no_longer never not anymore wont doesnt stop didnt cant no ya_no tampoco ni jamas nunca isnt aint",
    "THESE": "these this them those that it you your esto estos eso esos this_number tus sus",
    "REMOVE": """
        remove removed removing delete deleted erase take taken drop scratch get pull unlist disenroll unenroll
        unregister cross withdraw purge strike off wipe pull_me clear exclude eliminate forget lose eliminame
        takeoff
    """,
    "BORRAR": """
        borr* quit* elimin* saqu* sac* tach* desapunt* desactiv* desinscr* desafil* desuscri* bajenme remuev* retir*
        anul* suprim* olvid* descart* cancel*
    """,
    "LIST": """
        list lists number phone cell program study system database name contact contacts info records service
        distribution plan thing file mailing
    """,
    "LISTA": """
        lista listas numero num telefono cel celular nombre sistema programa registro contacto contactos base datos
        servicio esto aqui ahi grupo directorio
    """,
    "HART": "hart* cansad* fastidi* aburrid* enfadad* molest* desesperad* choc* cae_mal caen_mal encabron* fast*",
    "OTHERS": """
        pill pills medicine med meds medication taking smoking drinking eating insulin appointment visit cita citas
        pastilla pastillas medicina tomar fumar comer readings reading my_readings order ride refill prescription
        delivery surgery procedure consulta operacion test exam examen lab labs bleeding pain dolor transporte
        insulina receta transporter colonoscopy mammogram metformin aspirin
    """,
    "LIVING": "here alive life world live living die vivir vida mundo",
    "KEEP": """
        keep keeping sigan siga seguir like love help helps helping useful gusta gustan ayudan ayuda sirven continue
    """,
}  # fmt: skip

RULES = """\
5 STOP TEXTS - OTHERS night noche KEEP
4 please|just|now stop TEXTS
3 stop|quit|cease sending|reaching|bugging|pestering|spamming|harassing|bothering|blowing|hitting|nagging me|us|\
these|this|those|out|up|it|messages|him|her|my|to - readings
1 stop|quit|cancel|end|halt|discontinue|cease|drop this|these|it|everything|all|them|those|that|service|program|\
subscription|enrollment|membership|program|me|plan|contact - OTHERS bleeding pain cough KEEP him bus
2 cancel|end|discontinue|terminate|stop my|the|this|your|whole subscription|enrollment|program|service|\
participation|membership|account|plan|suscripcion|services|monitoring|thing|alerts
make|making|get|want|need|have|like|how these|this|it|them|texts|messages|messaging stop|end|cancel|quit|go_away - \
bleeding pain cuff machine beeping OTHERS
2 how|where|who|way do|can|to|i|could|would|does stop|cancel|unsubscribe|opt_out|end|turn_off|quit|remove|block - \
OTHERS bleeding pain cuff machine eating coughing worrying beeping hurting cough snacking salt
1 no|not another|more|any|single text|texts|message|messages|reminder|reminders|notifications|sms|calls|alerts|\
mensaj*|textos|contact|of|avisos|recordatorio*|emails - night noche from_you received came got
no text|texts|message|messages|reminder|reminders|notifications|sms|textos|mensajes|recordatorios|txts|contact|spam \
- night entiendo noche received came got recibi tuve there
enough|plenty|basta|bastante|suficiente of|with|de|con|already|ya texts|messages|these|this|you|the|reminders|\
mensaj*|esto|tantos|texting
that|thats|ive|had|been|is|it enough - thank
1 enough already|with|of - sleep water sugar money strips pills test
5 too_many|so_many|sick_of|tired_of|fed_up|done_with|over_it|annoy*|hate|bombard*|blowing_up|irritat*|had_it|flood* \
TEXTS|my_phone|phone|these|you|this - pill pills sugar
3 sick|tired|fed_up|done|over|annoyed|hate|bored of|with|by|these|this|all|the these|this|texts|messages|you|your|\
it|reminders|texting|getting|notifications|being - feeling
4 NOT want|need|wish|like|care|appreciate|accept|require|wanna|interest*|wanting|use TEXTS|these|them|hear|\
contacted|texted|receive|bothered|be_on|enrolled|get_these|to_get|part_of|participate|in_this|reminded - LIVING \
OTHERS KEEP night pain
2 NOT want|need|like|wanna|care these|them|this|that|nothing|anything|any|part|it anymore|from|of|to - LIVING \
OTHERS pain
1 NOT want|wanted|need|wanna these|this|those|nothing|anything|none - OTHERS pain one surgery shot test
2 dont|no_longer|anymore want|need|wish these|this|them|it|you anymore|hear
2 dont|no_longer|anymore want|need|wish to hear|receive|contact|text|message|participate|get - here
1 dont|no|not|never want|need|wanna|like this|it|them|these|that|you|any anymore|again
2 dont|never|not|quit|please_dont|nobody|no ever|you|want|please|just|to|be|dare SEND anymore|again|me|this|here|\
ever|us|him|her|more|phone - know how when if readings well
1 dont|never|quit|not SEND me|us|anymore|again|this|more|nothing|anything|here|him|her|my|any|these|back|ever|\
no_more - know until if readings forget
3 never|didnt|did_not|dont|havent|nor|not|without|no sign*|signed|agree*|consent*|ask*|request*|subscrib*|authoriz*|\
enroll*|permission|approv*|opted|remember_signing|join* up|to|for|this|these|to_this|in|any|my|with|receiv* - test \
consent_form
who|how|where|why|what did|gave|do|are|you|got|have|keep|right get|have|you|my|texting|contacting|bothering|\
messaging|send* my_number|this_number|number|me - password
who|quien|donde|como les|le|gave|te|consigui*|sacaron|obtuv* dio|you|dieron|mi|me|my mi|my|numero|number
1 REMOVE|get|cross|opt me|my|us|him|her|this|mine|the_number off|from|out|number|name|list|phone - surgery hospital \
bed bath doctor appointment prescription here_by
2 REMOVE|take|get|cross me|us|him|her|my|this|name|number|phone off|out|from LIST|this|your|it|these|all|texts|\
everything
1 REMOVE|delete|lose|forget|erase my|this|the|our|his|her number|phone|contact|info|name|cell|digits - password
remove|delete|erase|unlist|unenroll|disenroll|unregister|exclude|scratch me|us|him|her|immediately
off|out of|your|this|the list|program|study|texting - pills
2 take|want|get|me|count|be|keep|leave|let off|out|outta list|program|texts|your|this|me|of|these - pills hospital \
better breath
count|leave|keep me|us out - of_breath
im|am|i|want|i_want out - of town breath pills strips refills insulin and test medicine pads batteries
opt|opting|opted|opts|otp|optt me|us|out|ou|him|her|mi|to - in back
optout|optingout|optedout|unsubscri*|unsuscri*|unsubcri*|unscribe|unsub|desuscri*|desubscri*|stopall|unsbscribe|\
disenroll|unenroll|stoptext*|endall
unfollow|opt_out|opt_me_out|opting_out|take_me_off|remove_me|leave_me_alone|lemme_alone|leave_us_alone|\
do_not_disturb|let_me_be|do_not_call|go_away|get_lost|back_off|buzz_off|shut_up|screw_you|piss_off|fuck*|f_off|\
bug_off|no_contact|cease_and_desist|cut_it_out|knock_it_off|leave_me_be|give_it_a_rest|lay_off|drop_me|cancel_me|\
i_quit|peace_out|get_rid_of_me
2 leave|let me|us|alone alone|be|peace|in|bee
leave|leeve|leav alone
1 block*|report*|blacklist* you|this|your|number|u|these|numero|spam|los|ustedes - road intestine artery
going|gonna|will|im|am|ill|voy|have|had to|a|be|gonna block|blocking|report|bloquear*|denunci*|reportar*
block|bloque*|denunci* you|number|this|numero|los|les|este|su|sus|a
2 report*|this|considered|is|its|such|just|esto spam|harassment|acoso|scam|harassing|illegal|junk
spam|spamming|lawyer|attorney|abogado|fcc|ftc|tcpa|harassment|harassing - folder went
sue|demand* you|ustedes|los|voy|y_all|them
3 withdraw*|revok*|take_back|rescind|refuse|deny|cancel|remove|retir*|revoc*|cancel*|quit* consent|permission|\
consentimiento|permiso|authorization|autorizacion|agreement
3 NOT|no consent|permission|autoriz*|consient*|permiso|permito|authorize
1 not|anymore|ya_no|no|never|isnt interested|interest|interesad*|interes - missing
~2 rather|prefer|prefier* not|no|you|stop|dont|que get|receive|be|have|text|send|recibir|mand*|escrib*|getting|these
dont|no|not need|want phone|bot|computer|you|machine|anyone|nobody|anybody|someone|a nagging|bugging|reminding|\
bothering|texting|telling|messaging|babysit*
los|les|lo|la|te|voy_a|numero bloque*|reporto|denuncio|reportar|denunciar
please|kindly discontinue|cease|desist|terminate|unenroll
salgo|salirme|salir|salga|sacar de|del|mi lista|programa|esto|grupo|esta|esa|su|este|numero
would_like|id_like|want|wish|like to|for stop|quit|end|discontinue|cease receiving|getting|these|it|this|them|\
messages|texts
not_interest*|aint_interested|no_interest|uninterested|no_me_interes*|no_estoy_interesad*|no_intereso
3 turn|shut|switch|cut|power these|this|it|them|texts|reminders|messages|off|notifications|alerts|all|that|down off|\
texts|reminders|messages|notifications|alerts|these - cuff machine monitor light water phone scale
last|final|one_last text|time|message|warning|aviso|vez|ultima - year visit reading pill i_checked checked
ultima|por_ultima vez
2 i_said|i_told|i_asked|ive_asked|told_you|asked_you|asked|told|ya_les|ya_le|les_dije|les_pedi to|you|dije|pedi|que \
stop|quit|parar|no|paren|not - doctor
passed_away|died|deceased|dead|fallecio|murio|fallecid* stop|quit|remove|please_stop|no_more|please|dejen|ya_no|no|\
quit*|borr*|sending
passed_away|passed|died|deceased|dead|fallecio|murio|fallecid*|gone number|texts|messages|texting|mensaj*|reminders
changed_my_mind|no_longer_need|no_longer_want|no_longer_wish|no_longer_interested
2 no_longer|anymore|dont want|need|wish|care|interested|like TEXTS|to|for|these|this|hear|you|participate - OTHERS \
LIVING

# Spanish, slang, and both at once
2 dej*|dejen|deja|cesar|par*|stop|basta|termin*|quit*|evit*|dejenme|alto|parenle|ya de|con|a|el|los|tanto|tantos|\
tanta MANDAR|mensaj*|texts|texting|messages|textos|mensajeo|spam - OTHERS KEEP recibir_la medicina fumar
2 no|ya_no|nunca|jamas|dont|tampoco me|nos|le|les|quiero|mas|deben|sigan|vuelvan|vuelva|anden|a|lo|que|esten \
MANDENME - receta llegado mandaron llamo llego puede pudo cuelgue cita medicina se_me
no|ya_no MANDENME mas|nada|otro|por_favor|aqui|a|porfa|please|ya|texts|mensajes - cita
no|ya_no|not me|nos|le MANDENME - receta mandaron llamo cita medicina en_paz
no_me_mand*|no_me_envi*|no_me_escrib*|no_me_molest*|no_me_text*|no_me_contact*|ya_no_mand*|ya_no_envi*|\
ya_no_escrib*|no_molest*|no_vuelvan* - receta mandaron mandado mandaste
3 no|ya_no|tampoco|ni|nunca quiero|necesito|deseo|queremos|quiere|ocupo|gusta|gustan|interesa|interesan|pedi|\
solicite|autorice|acepte|acepto|quisiera|sirven|di_permiso|firme|inscribi|anote|apunte|suscribi|hacen_falta|\
me_apunte|pedido|quise mensaj*|textos|texts|recibir|nada|esto|estos|que|recordatorios|avisos|mas|sms|messages|\
reminders|llamadas|eso|ser|seguir|estar|formar|participar|aqui|permiso|ese|este|servicio|programa|saber|su|sus|les \
- OTHERS dolor vivir morir
yo_no_pedi|no_pedi|nunca_pedi|no_me_inscribi|no_me_apunte|no_autoric*|nunca_autoric*|nunca_acept*|no_acept*|\
nunca_me|nunca_firme|nunca_solicite|no_solicite|no_di_permiso|no_les_di|no_doy esto|nada|mensaj*|permiso|inscribi|\
apunte|suscribi|recib*|mi|que|consentimiento|estos|suscrib*|apunt*|registr*|a|numero|para
2 no|ya_no quiero|deseo|necesito|ocupo mas|nada|textos|esto|eso|ya|saber|seguir|estar - dolor medicina tomar vivir
3 no|ya_no quiero|deseo|ocupo que|me|mas MANDAR - cita
3 HART de|con|sus|tantos|tanto|que|me mensaj*|textos|texts|tantos|esto|ustedes|recordatorios|avisos|mand*|llamadas|\
tanto|messages|escrib*
1 me|ya tienen|tiene HART
hart*|cansad* mensaj*|textos|de_sus|de_tanto*|de_ustedes|de_esto
tantos|muchos|demasiados|puro|puros|tanto|bastantes mensaj*|textos|recordatorios|texts|avisos|msgs - enviar mande_yo
1 ya|por_favor|favor|porfavor|bueno|dije|no|digo basta|parenle|parele|parale|estuvo_bueno|dejenle|calmense|larguense
basta|parenle|parele|parale|yabasta con|de|ya|con_los|mensajes|please|por_favor|porfa
1 BORRAR|quitar|sacar|borrar|kiten|remove|delete|cancel* mi|este|el|me|la|ese|esta|a_mi|de LISTA|suscripcion|\
afiliacion|inscripcion|mensajes|servicio - aparato azucar
2 BORRAR|quitar|sacar de|mi|la|su|esa|ese|este|el|sus|esta|al LISTA|list|suscripcion
borrenme|borreme|borrame|borrarme|quitenme|quiteme|quitame|quitarme|saquenme|saqueme|sacame|sacarme|eliminenme|\
elimineme|eliminame|eliminarme|bajenme|bajeme|desuscribirme|cancelenme|canceleme|desactivenme|desactiveme|retirenme|\
retireme|removerme|remuevanme|tachenme|desapuntenme|anulenme|desinscribirme|salirme|salirse - azucar dolor sangre \
muela puntos del_hospital cama la_vida de_trabajar yeso
salirme|salir|sacarme|quiero_salir de|del programa|lista|esto|grupo|aqui|servicio|mensajes
4 como le|puedo|hago|se|le_hago|podria|cancelo|paro|quito|hacer parar|cancelar|cancelo|quitar|quito|dejar|deje|no|\
ya_no|detener|detengo|bloquear|bloqueo|paro|baja|salir|desactivar|borrar|eliminar|lleguen|desuscrib* - cita citas \
pastilla medicina dolor tos sangrado azucar pomada
darme|dar|dame|denme|deme|dese|doy|damos|me_den|me_de de baja|vaja - la_pastilla
baja|darme_de_baja|baja_por_favor|de_baja mensaj*|lista|servicio|programa|por_favor|porfa|inmediata|ya - presion \
azucar
dejenme|dejeme|dejame|dejennos|dejanos|dejarme|dejen|deje|deja en|tranquil*|sola|solo|de|ya|vivir|ser paz|tranquil*|\
sola|solo|molestar|mandar*|en|chingar|joder|fregar|lata|enviar* - salir
dejenme|dejeme|dejame|dejennos en_paz|tranquil*|sola|solo|descansar
en_paz|ya_chole|ya_estuvo|ya_me_hart*|no_chinguen|no_jodan|no_chingues|no_joda|no_jodas|chinguen|larguense|vayanse|\
a_la_chingada|al_carajo|no_mamen|me_vale|no_friegu*|no_fastidi*|que_lata
pier* mi|el|ese numero|telefono
olvid* mi|de_mi|me numero|mi|de|telefono|de_mi - pastilla
cancel*|suspend*|termin*|parar|paren|pare|deten*|fren*|anul*|det*|corten|corte|apag* mensaj*|los|estos|esto|textos|\
suscripcion|servicio|las|este|todo|el|sus|recordatorios|texts|notificaciones|alertas|ya|programa - cita OTHERS \
aparato dolor
1 cancel*|suspend*|termin*|deten*|detengan|parar|paren|pare|corten|apag*|quiten los|el|la|estos|esto|esta|mi|sus|\
las|de mensaj*|textos|suscripcion|servicio|recordatorios|texts|notificaciones|alertas|envio*|programa|mandar*|esto|\
avisos
no|ya_no mas texts|mensaj*|textos|messages|avisos|sms|recordatorios|nada|llamad*|text|reminders|message|porfavor|\
please - dolor pastillas
ya_no_mas|no_mas_por_favor|no_mas_please|ni_un_mensaje|ni_uno_mas|ya_parenle|ya_paren|ya_pare|ya_parele|ya_dejen*|\
ya_stop|ya_no_quiero_mas|no_gracias_a_los
withdraw|drop|quit|leave|exit|resign|dropping|withdrawing from|out|the|this|your|my|me program|study|service|texts|\
list|plan - school smoking
bother|text|contact|harass|bug|pester|call|spam|annoy someone|somebody|anybody|otra else|persona
hasta_la|hasta_el|al madre|coronilla|gorro|chingada|pelo|cuello - dolor
cansaron|cansan|fastidian|molestan|enfadan|aburren|hartan|hartaron|fastidiaron|choca|chocan|caen_gordos mensaj*|con|\
ya|tanto|sus|textos|estos
1 no|ya_no sean|esten|sea|este|estes|anden molest*|chingando|mandando|escribiendo|fregando|jodiendo|enviando|\
encimosos|necios|insistentes|texteando|llamando
como|donde|quiero|ya|favor quito|paro|cancelo|bloqueo|borro|elimino|detengo|apago|desactivo|quitar|apagar|\
desactivar|parar|bloquear|eliminar estos|los|esto|sus|las|este|el - aparato dolor azucar tos cita
mind_your|mind_ur own|business
"""
