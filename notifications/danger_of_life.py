"""Which falls, despair, violence, values and calls for help are danger, one rule a line.

The rules are read by `notifications.phrases`. A miss may cost a life, a false alarm a nurse's minute: rules are wide.
"""

LIFE = """\
# falls and blows
1 PERSON fell|fallen|fel|toppled|tumbled|tripped - asleep behind short_of in_love PAST
1 me|nos cai|caigo|caido|caia|resbal*|tropec*|tropez*|caimos|azot*|caer - bien gordo PAST
1 se FELL - THINGS PAST barda arbol techo parche costra luz
fell|fallen|cai|cayo|tropec*|tropez*|collaps* - THINGS PAST TALK barda arbol techo parche costra luz
FELL and|cant|hit|hurt|head|hip|down|off|in_the|on_my|from|out|en|de|del|por|al|fell|y|desde|again - THINGS \
PAST TALK barda arbol techo parche costra luz
4 FELL shower|stairs|bathroom|tub|bathtub|bed|ladder|porch|floor|ice|kitchen|bed|escalera*|bano|regadera|ducha|cama|\
tina|banqueta|cocina|patio|sala|silla|street|sidewalk|garage|wheelchair|toilet|yard|steps|chair|calle|piso|head|hip \
- phone pill pills cuff machine scale monitor telefono celular pastilla pastillas aparato asleep
3 had|took|taken|take|having|sufri*|tuve|tuvo|bad|nasty|hard|una|mala|di|se_dio|me_di|dio fall|tumble|spill|caida|\
porrazo|resbalon|tropezon|golpazo|ranazo|trancazo|senton|costalazo - season winter colors leaves
4 HIT FALLON - home_run road
3 FALLON|noggin hit|bleed*|crack*|split|gash*|rajad*|abiert*|descalabr*|golpe*
on_the|en_el|al|tirad*|stuck|laying|lying|en floor|ground|piso|suelo|el_piso|el_suelo - office upstairs first \
second third phone pill cuff primer segundo tercer
4 lying|laying|stuck|been|tirad*|acostad*|still|down|botad* floor|ground|piso|suelo
2 CANNOT|no|cant|help|ayud*|necesito get|got|stand|levant*|parar*|pararme|pararse|incorpor*|enderez*|me_levant* up|\
back|de|del|solo|sola|levant*|again|off - early
1 no|no_me|no_se|sin|CANNOT puedo|puede|pude|poder|podido levantar*|parar*|pararme|pararse|mover*|moverme|moverse|\
enderez* - de
1 CANNOT|no_se_puede|no_me_puedo|no_se|cant levant*|levantarme|levantarse|pararme|pararse|moverme|moverse|get_up|move
CANNOT parar|levantar|mover - de
4 BROKE my|his|her|the|la|el|un|mi|se|me|le BONE
4 BONE BROKE|broke|broken|snapped - cuff
3 BONE is|esta|looks|think|creo broke|broken|rot*|quebrad*|fracturad*|dislocated|sticking
accident*|crash*|choque|choco|choque_en|wreck car|carro|auto|had|been|tuve|in_a|coche|tuvimos|truck|motorcycle|moto|\
hit_by
car|carro|hit_by|run_over|atropell* accident*|wreck|crash*|car|truck|accidente|carro
atropell*|apunal*|stabbed|balac*|balazo*|electrocut*|burned_badly
shot|shooting|stabbed|attacked me|him|her|in|by - flu covid took pneumonia shingles
been|got|was|someone|somebody|he|she stabbed|attacked|shot|mugged|raped|assaulted - flu covid

# despair and violence
suicid*|suisid*|suicida*|self_harm*|unalive|kms - TALK
1 HURT myself|himself|herself|themselves|meself - laughing
3 he|she|husband|they|someone|god|please|going|want|hes|shes|will|let|wish kill|killing|shoot|hurt|hurting|end me - \
heat lol haha job bill prep
hurt*|harm|kill|killing|cut|cutting|shoot|hang|hanging|stab|drown|end myself|himself|herself|themselves|my_self - \
laughing
matar*|matarme|matarse|mato|mate|ahorcar*|ahorco|colgarme|cortarme|lastimarme|herirme|tirarme|aventarme|\
hacerme_dano|aventar*|colgar*|dispararme|envenenarme|quitarme|acabarme me|voy|quiero|de|un|del|al|la|voy_a|todo|\
pistola|con|las|desde|y|si|yo|vida|ya
2 voy_a|quiero|quisiera|ganas_de|va_a|pienso|me_quiero|me_voy_a|se_va_a|se_quiere|intento|mejor|yo|si|y mato|matar*|\
ahorc*|cuelgo|colgar*|cortar*|suicid*|disparar*|lastimar*|aventar*|tirar*|hacer*_dano|herir* - pelo risa cabello \
pasto la_basura basura
matarme|matarse|ahorcarme|morirme|suicidarme|lastimarme|cortarme|hacerme_dano|quitarme_la_vida|autolesion*
quit*|quitar*|arranc* la vida
2 cut|cutting|slit|slash*|slitting|cort*|abri*|tajar my|me|las|mis|his|her wrists|wrist|veins|venas|munecas|vein
3 WANT|i_just|rather|im|pedido|pido|pray* to|a|be|was|me|were|que|estar|it DIE - battery phone cuff eager telefono \
pila bateria
2 want|wants|wanting|ready|going|quiero|quiere|voy|deseo|quisiera|ganas|prefiero|esperando|rather|gustaria|mejor|\
queria|prefer* DIE - battery phone eager
me_quiero|me_quisiera|me_voy_a|se_quiere|me_kiero|se_va_a morir*|matar*|ir_de_este|desaparec*|ir_con_dios
2 dying|muriendo|muero|die|dead|morir*|murio|dies im|he|she|help|me|think|going|feel|creo|siento|estoy|esta|voy|i|\
se - battery phone cuff telefono pila bateria remote laptop passed funeral years plant plants dog cat car carro \
cancelar amused TALK hambre hungry
2 i|im|he|she|hes|shes|think|me|estoy|se_esta|feel|creo|voy_a dying|muriendo|muero|morir|dead|die - battery phone \
cuff telefono pila bateria tired years eager laptop car tio tia
better_off|mejor|better|better_of dead|without_me|sin_mi|muert*|gone|if_i|if_im|muriera|wasnt
3 better|mejor|easier|happier|facil|bien|descans* off|if|without|sin|cuando|everyone|si me|mi|i|im|muert*|dead|gone|\
falte|muera|no_estoy|yo - texts
3 DIE better|mejor
1 NOWANT|dont live|living|alive|exist|vivir|viviendo|existir|despertar|go_on|keep_going - long_time near far texts \
messages with here_anymore address at on in house street
3 NOWANT|dont|no want|wanna|deseo|quiero|quisiera|feel|like|have|longer|tengo|tiene|going|will|voy|be|veo|plan|vale|\
wake|pena|aguanto|soporto to|a|LIVE LIVE
2 NOWANT|wont|dont|isnt|no|not|nunca|ya_no wake|despert*|be_alive|be_here|be_around|be_on_this|seguir|estar_aqui|\
estar_en_este|exist*|despierte|amanezca|vivir|viviendo - texting kids noise
3 not|wont|dont|no|doesnt|cant|anymore|tired|hate|rather_not want|going|wanna|like|quiero|wish|plan|be|gonna|to to|\
a|que|be|being here|alive|around|exist*|vivo|viva|aqui|mundo|earth|live|living - home office town recibir mensajes \
texts
2 never|not|nunca|no|sin|ya_no wake|waking|despert*|despierte|amanecer up|jamas|mas|again|nunca|wake|waking|\
despertar|de
3 sleep|dormir*|dormid*|fall_asleep|duerm*|close_my_eyes|acostar* never|not|nunca|no|ya_no|para_siempre|forever|\
and_not|forever wake*|despert*|waking|siempre|levantar*|forever
4 no|whats|what|nothing|why|not|dont|para|sin|ningun|cual|cual_es|there|le POINT live|living|life|going|trying|\
anymore|on|being|vivir|vida|viv*|seguir|existir|nada|alive|it|keep|luchar
4 no|sin|nothing|nada|para|para_que|why|por_que sentido|ganas|left|razon|motivo|quiero|que|live_for|reason|me_queda|\
seguir|quedarme|vivir|caso vivir|vida|seguir|live|vivo|viviendo|de_vivir|luchar|aqui|por_que_vivir
nothing|nobody|nada|no_one to|left|would|will|por|para|me|quien live_for|miss_me|care|extrana*|cares|vivir|viviendo|\
live|importa
2 tired|sick|cansad*|hart*|fed_up|done|hate|odio|weary|through|acab* of|de|with|living|esta|la|mi|my life|living|\
vida|vivir|being_alive|existing|alive|lif*
not|isnt|no|aint|nt|doesnt|cant worth|vale|merece|seem la|living|it|la_pena|pena vivir|life|living|anymore|live|seguir
2 life|living|vida|vivir isnt|not|no|aint|sin|ya_no worth|vale|tiene|sentido|merece
not|isnt|no|aint worth|vale living|it_anymore|la_vida|going_on|vivir|nada_ya
cant|no_puedo|no_aguanto|couldnt|cannot|ya_no go_on|keep_going|do_this_anymore|take_it_anymore|take_this_anymore|\
take_anymore|take_much_more|live_like|live_with|seguir_viviendo|seguir_asi|aguant*|soport*|live|vivir|carry_on|\
mas_con_esta|puedo_mas - texts texting messages mensajes calor
1 no|ya_no puedo|aguanto|soporto|aguantar|doy mas|esta_vida|vivir|la_vida - comer mensajes dolor
end|ending|finish|acabar|terminar|acabo|termino|acabe|ends|ponerle_fin it_all|my_life|my_own_life|everything|\
everything_tonight|misery|my_misery|mi_vida|la_vida|con_todo|todo|con_mi|con_esta|a_mi|this_life|a_esto|a_la|things|\
it_tonight - messages mensajes texts
2 want|going|ready|think*|gonna|just|like|plan*|time|way to|about|of|a end_it|ending_it|end_everything|end_things
2 take|taking|took|quit*|quita* my|his|her|own|me|mi|la own_life|life|vida - pills medicine seriously
2 give|giving|gave|given up|on|up_on life|living|everything - smoking sugar
give|giving|gave up on_life|living|hope|trying_to_live
3 gun|pistol|rope|noose|razor|shotgun|rifle|pistola|soga|revolver|navaja|escopeta has|head|got|have|my|tengo|tiene|\
con|loaded|load*|mano|hand|use|ready|the|a|una|la|cargad*|house|in|en|cabeza - temperature fun glue jump massage
2 has|head|got|have|bought|loaded|tengo|tiene|con|load*|cargad*|listo|lista|a|the|una|mi|my|sac*|buscando gun|\
pistol|rope|noose|razor|shotgun|rifle|pistola|soga|revolver|navaja|escopeta - jump glue massage
~4 knife|cuchillo|razor|navaja wrist|wrists|hand|myself|me|venas|hacia|at|mano|muneca - butter cooking kitchen cheese
jump*|tirar*|aventar*|brincar*|tirarme|salt*|aventarme off|de|del|in_front|al|from|un|la bridge|puente|roof|\
building|train|tren|azotea|edificio|techo|ledge|window|ventana|metro
~5 PILL lined|counted|saved|stash*|hoard*|juntad*|guardad*|list*|juntando|junte|saving|enough|contad*|row ready|go|\
tonight|all|todas|up|end|sleep|para|them|to|forever|noche - refill pharmacy out box organizer pillbox
~5 goodbye|good_bye|adios|despedir*|despedida|despido|last_words|farewell|bye_forever everyone|forever|world|all|\
kids|family|letter|note|saying|say|final|last|carta|todos|siempre|hijos|mundo|familia|nietos|cruel|wanted|just|\
ultima|ultimo|write|wrote|cartas|told|mis
suicide|goodbye|farewell|despedida|death|last note|letter|carta|words|will_and
3 carta|note|letter|nota de|goodbye|despedida despedida|goodbye|suicid*|adios
4 wont|not|no|dont|never|ya_no|gone|will be|estar|voy|estare|going|me|here|make alive|here|around|en_este_mundo|\
vivo|viva|living|gone|aqui_mucho|through_the_night|this_world tomorrow|next|anymore|much_longer|anyway|long|manana|\
mucho|mundo|to|week|semana|soon|more|longer|tiempo|when|cuando|later|pronto|in - home town appointment work casa \
city office
wont|not_gonna|no|ya_no|not be|voy_a_estar|estare|estar|voy alive|around_anymore|en_este_mundo|vivo|viva|\
here_anymore|mundo|around_much|here_tomorrow|estar_aqui|here_next - casa home
3 join|be_with|see|go_be|irme|reunir*|ir|meet|estar|go|ire|going|alcanz*|encontrar* my|mi|with|con|him|her|to|late|\
los|al|jesus|the|diosito heaven|lord|jesus|cielo|senor|god|dios|diosito|papadios|difunt*|maker|muert*|angels|\
angelitos|virgencita - willing si_dios thank gracias church iglesia quiere
ready|lista|listo|quiero|want to|para|a go_home_to|meet_my|irme|ir_con|ir_al|irme_al|go_be_with|be_with_my|reunirme \
- casa bano mexico
burden|carga|estorbo|estorb*|nuisance to|on|para|a|for|de|soy|am|im|todos|everyone|family|nada|aqui
soy|im|am|being|ser|be|feel una|a|nothing_but|un|solo|just carga|burden|estorbo|worthless|hopeless|waste|useless|\
inutil
worthless|hopeless|sin_esperanza|desesperad*|no_hope|despair - case machine app cuff telefono
no_one|nobody|noone|nadie|anyone|anybody|who|quien would|will|me|ni|no|va|iba|se|cuenta|even care|miss|extran*|\
notice|importa*|quiere|necesit*|echar*_de_menos|cares - answer
3 kill|shoot|stab|murder|strangle|matar*|mato|hurt|harm|disparar* him|her|them|someone|somebody|people|everyone|\
alguien|esposo|esposa|a_mi|a_todos - lol haha jaja laughing me_with jokes
3 OTHERONE me|keeps|is|was|just|always|has|siempre|esta|esta_siendo|ha BEAT - bill
2 BEAT me|mi|us|nos|my|al|a|de|me_mi - bill weather heat me_to hard up hits_the heart back pego_la_gripe gripe \
pego_el gripa
2 me|nos|la|le|se peg*|golpe*|amenaz*|maltrat*|viol*|ahorc*|empuj* mi|el|ella|mucho|esposo|marido|hijo|novio|pareja|\
siempre|otra|un|anoche
2 afraid|scared|fear*|miedo|temo|not_safe|unsafe|no_estoy_segur* of|a|de|at|for|en|por|que|con husband|him|her|wife|\
son|boyfriend|life|esposo|marido|hijo|home|vida|casa|my_life|mi_vida|pareja|what_i|lo_que
do_something|hacer_algo|hacer_una|hacerme|do_some to_myself|bad_to|locura|tonteria|malo|something_bad|dano|stupid

# crises of sugar and pressure
~6 sugar|azucar|glucose|glucosa|insulin|azucares|glucometer|insulina LOW|HIGH|bajo|baj*|low|high|drop*|subi*|subio|\
NUMBERSUGAR SHAKY
~6 LOW|bajon|bajandose|hypo|hipo* SHAKY sugar|azucar|glucose|glucosa
hypoglyc*|hipoglu*|hypo|diabetic_coma|cetoacid*|ketoacid*|coma_diabetico|dka
2 bajon|baja|low|bajonazo|lows de|sugar|bad azucar|glucosa|crash
~6 pressure|bp|presion|tension|preson HIGH|alt*|high|through|sky*|nubes|disparo|roof|subi*|LOW SHAKY - no sin
~4 sugar|azucar|glucosa|meter|glucometer|glucometro|medidor says|dice|reads|reading|shows|marca|solo|just|only|sale \
lo|low|hi|error_high|high|bajo - better battery
CRISISVALUE
~9 HIGHVALUE SHAKY - no sin ni
~9 NUMBERSUGAR SHAKY - no sin ni

# pregnancy, fever, and plain calls for help
water|fuente|bolsa|waters|agua broke|broken|rompio|rota|rompi*|breaking|leak* - heater main pipe tuberia
2 rompio|romper|rompi la|de fuente|bolsa|aguas
3 baby|bebe|fetus|nino NOT|no|hasnt|isnt|stopped|havent|dejo mov*|mueve|kick*|felt|breath*|pate*|siento|siente|\
moving - monitor
contractions|contracciones|preeclampsia|eclampsia|sepsis|dka|miscarr*|aborto|malparto - PAST
emergency|emergencia|emergencias|urgencia|urgencias|ambulance|ambulancia|paramedic*|paramedicos|911|mayday|sos|\
auxilio|socorro|9_1_1|nueve_uno_uno - contact no_es sin not_an center works contacto TALK in_case por_si
urgente|urgent|urgentemente - no not
2 taking|going|go|gone|rushed|rush|headed|heading|drive|driving|took|need|admitted|vamos|voy|llevar*|llevando|llevo|\
llevaron|llevenme|intern* to|the|him|her|me|al|a|la|en|an|rumbo|to_the er|hospital|ambulance|icu|urgencias|\
emergencia*|sala_de - visit volunt* trabajo work works appointment cita
2 help|ayuda|ayud*|ayudenme|need_help|necesito_ayuda|socorro now|fast|quick*|asap|right_away|immediately|ya|rapido|\
urgente|pronto|pronto_por|hurry|ahora|ahorita|please_help|apurense|someone|alguien|send - app portal form
send|need|please|somebody|someone|manden|necesito|envien|alguien|que_alguien|hurry|pidan help_fast|help_now|\
help_me_please|help_quick|an_ambulance|someone_quick|ayuda|ayudenme|ayudeme|me_ayude|somebody_quick|help|\
somebody_to_help - app portal form understand log login link read with reading website entender leer llenar con sin
something|algo|anda is|esta|really|muy|very|anda|se|me|terribly|bad|bad_is|seriously wrong|mal|happening|malo|bad|\
feo|pasa|pasando|terrible with|conmigo|her|him|me|to_me|mi|ella|con|a_mi - cuff machine app monitor scale aparato \
maquina bascula telefono
going_to|gonna|voy_a|think_i|creo_que|siento_que|about_to|a_punto_de die|morir*|pass|desmay*|faint|collapse|muero|\
me_muero|ahogar* - eager
stiff|tieso|rigid* neck|cuello|nuca
2 fever|temp|temperature|fiebre|calentura|temperatura high|104|105|40|41|confus*|delir*|altisima|altisimo|no_baja|\
stiff|convuls*|103|muy_alta|NUMBERFEVER - no
# what an asked patient says by number
2|dos symptoms|symptom|sintomas|sintoma|i_do|yes|si|tengo
have|got|having|tengo|yes|si|with|tiene|tenemos|con symptoms|sintomas|symtoms - no not none sin 1 ningun
life|vida|living|everything pointless|meaningless|hopeless|empty|worthless|unbearable|sin_sentido|over|no_vale
cant|dont|no|couldnt|wont take|do|stand|handle|bear|fight|aguanto|soporto|puedo it|this|life|living|mas|esta_vida|\
esto no_more|anymore|any_longer|much_longer|life|vivir|vida - texts texting messages mensajes heat weather
want|need|ready|quiero|salir|irme out|salir|irme|leave|escape of|de|this|este|esta world|life|mundo|vida
dark|bad|scary|suicidal|malos|intrusive|negative|feos thoughts|pensamientos|thinking
not|dont|isnt|unsafe|no feel|safe|segur* safe|with_myself|alone|conmigo
thoughts|thinking|think|pensamientos|pensando|pienso|pense of|about|de|en|to|que hurt*|harm*|dying|death|ending|\
suicid*|morir*|muerte|lastim*|matar*|jump*|hacerme|quitarme|cutting
4 tell|diganle|dile|digan my|a|them|everyone|mis|the love|quiero|amo|bye|goodbye|sorry|perdon* goodbye|bye|adios|\
sorry|always|siempre
dont|no|nobody|ya_no deserve|merezco|matter to|vivir|live|be|anymore|anyone
"""
