"""What of the body is danger, one rule a line: chest, breath, stroke, consciousness, blood, poison, allergy.

The rules are read by `notifications.phrases`. A miss may cost a life, a false alarm a nurse's minute: rules are wide.
"""

BODY = """\
# chest, heart and breath
~5 CHEST PAIN
~4 CHEST PRESS - strap freezer infection
~4 CHEST bad|badly|feels|weird|funny|exploding|numb|rara|raro|flutter*|fluter* - better
4 PAIN|PRESS|NUMB jaw|left_arm|left_shoulder|mandibula|quijada|brazo_izquierdo
4 jaw|left_arm|left_shoulder|mandibula|quijada|brazo_izquierdo PAIN|PRESS|NUMB
~4 HEART PAIN|stop*|racing|race|raced|pound*|flutter*|skip*|irregular|flip*|thump*|hammer*|doing|sideways|raro|\
fuera|beating_out|beating_fast|beating_so|beating_really|beating_weird|out_of_my|jump*|quit*|weird|funny|aceler*|\
acelerad*|desboc*|brinc*|palpit*|salt*|salir*|salirse|late|agitad*|rapid*|fast|para|paro|failing - gratitude \
you_all thank
2 heart|cardiac|ataque|paro attack|arrest|corazon|cardiaco|cardiaca|respiratorio - YEAR
palpitations|palpitaciones|taquicardia|tachycardia|afib
infart*|angina - YEAR
3 CANNOT BREATHE
2 catch|get|getting|agarro|agarrar|alcanz*|jalar|jalo|agarra|recuperar my|enough|any|no|el|la|mi|his|her BREATHE
2 catch|catching BREATHE
short*|running_out|run_out|out|lose|lost|losing|fight*|gasp*|struggl* of|on|for|my|in BREATHE
1 short|falta*|faltando|hace_falta|poco|corta|corto|no_entra|no_me_entra|no_le_entra|no_jalo|no_agarro|sin|falt*|\
quede_sin|necesito|need BREATHE
1 NOT|no BREATHE
2 BREATHE hard|heavy|fast|funny|wrong|bad|shallow|labored|worse|weird|mal|rapido|feo|agitad*|dificult*|cortad*|\
difficult*|raro|noisy|trouble|problems - hold
2 hard|heavy|harder|tough|trouble|problem*|difficult*|hurts|cuesta|duele|mal|shallow|labored|rapid BREATHE
gasp*|suffocat*|chok*|wheez*|winded|smother*|breathless|asfixi*|sofoc*|atragant*|ahog*|drowning|jadea* - TALK
4 lungs|pulmones|pulmon fill*|fluid|water|burst*|agua|llen*|collapsed|clot|silba*|chill*
~4 lip|lips|face|fingers|nails|toes|labio|labios|cara|unas|dedos|turn*|going MOUTHBLUE - dress shirt pants paint \
pill pills nail_polish cuff
blood_clot|blood_clots|clot|coagulo|trombosis|embol*|aneurism*|aneurysm
~4 saturacion|oxygen|oxigeno|sat|sats|spo2 dropp*|drop|LOW|baj* - battery
~4 leg|legs|calf|pierna|pantorrilla|feet|ankles red|hot|roja|caliente|double|sudden*|doble swoll*|swell*|hinch*

# stroke and confusion
stroke|strokes|strok|derrame|embolia|ictus|apoplej*|drooping - YEAR TALK PAST
3 FACE DROOP
~4 FACE droop*|crooked|twisted|lopsided|sag*|NUMB|torc*|tuerc*|chuec*|uneven
2 torcio|torcida|jalo|chueca|virada|viro|fue_de_lado|de_lado la|el|su|de FACE
~4 one_side|un_lado|half|media|mitad|left_side|right_side|lado_derecho|lado_izquierdo face|body|cara|cuerpo|NUMB|\
weak|move|feel|siento|sient*|mover*
~4 LIMB|lado NUMB
# "2 weak arm" is an answer to a question, and answers are heard as symptoms
~4 LIMB|lado weak|weakness - 2
numb|numbness|paraly*|paraliz*|entum*|adormec*
4 CANNOT|dont|doesnt|wont|no feel|move|lift|raise|use|work|grip|hold|siento|siente|sentir|mover|muevo|mueve|moverl*|\
levanta*|levantar|levanto|alz*|respond*|mov* LIMB
3 LIMB NOT|CANNOT|wont|no work*|move*|moving|lift|feel|respond*|siento|mueve|funciona|obedec*|reacciona|sirve
3 LIMB gave|giving|quit|stopped|went out|working|dead|limp|weak
2 no_siento|no_siente|cant_feel|dont_feel|no_me_siento mi|my|la|el|los|las|mis|his|her LIMB|cara|face|FACE|lado
~7 TOOK instead|en_vez|en_lugar|supposed|rather_than PILL
1 driv*|drive|manejar|crash*|estrell*|jump* off|into|contra|por|del|my|mi|car|truck bridge|tree|wall|traffic|cliff|\
puente|train|carro|barranco|oncoming
manden|send|envien|mande|necesito|need|come a|alguien|someone|somebody|help|get_help|quick* rapido|fast|quick*|now|\
ya|hurry|ayuda|alguien|pronto
5 SPEECH ODD|messed|messy - number person
2 ODD SPEECH - it
slur*|balbuce*|tartamud*
1 NOT|no|doesnt makes|making|make|makin|tiene|coordina|hace sense|sence|sentido
3 CANNOT talk*|speak*|swallow*|find_words|get_words|form|hablar*|tragar*|articular|pronunci*|pasar_saliva - doctor \
right_now doctora ahorita
3 CANNOT walk*|caminar|andar|stay_awake|keep_eyes_open|wake*|focus|keep_anything|mantener*|dar_un_paso|dar_paso - \
to clinic trabajo bus
3 CANNOT stand* - it the this waiting him her you
1 CANNOT|cant see|ver|mirar|mirando - the your this that any my message messages doctor why how link el la los las \
mi mensaje esto a letra letras until hasta tv him her you
2 CANNOT|cant see|ver|mirar out|nothing|anything|outta|nada|bien|good|de|con|del|straight
~5 SIGHT|see|seeing|veo|ve|miro SUDDEN|lost|gone|blurr*|double|black|dark|spots|curtain|blind|half|blurry|borros*|\
doble|negro|nublad*|nubl*|perdi*|oscur*|manchas|luces|lucecitas|flashes|flashing|fue|sombra* - exam appointment \
doctor glasses letters
blind|ciega|ciego|blurry|blurred
2 se_me|se_le fue|va|nubla|apaga|nubl*|borra|oscurec* vista|vision|ojo
2 perd* vista|vision|conocimiento|habla|conciencia|sentido|fuerza
2 lost|losing|lose consciousness|conscious*|vision|sight|speech|feeling|balance|control
~4 HEAD MUCH - no
~4 HEAD PAIN SUDDEN|bad|badly|stiff|horrible|fuerte|vision|vomit*|mucho|muchisimo|tanto - no
confus*|confundid* - MATTER
1 VERY|esta|estoy|anda|is|hes|shes|all|getting|acting|suddenly|seem* confus*|confundid*|desorient*|disorient*|\
delir*|loopy|out_of_it|perdid*|ido|ida|extravi*|atarantad*|desvari* - MATTER
delir*|disorient*|desorient*|hallucinat*|alucin*|incoheren*|desvari*
3 doesnt|dont|not|no|cant|couldnt know|recogn*|reconoc*|sabe|remember|recuerda|acuerda|conoce who|where|what_day|me|\
her_own|his_own|name|donde|quien|nombre|como_se_llama - book
acting|actua*|comport*|portando strange*|weird*|funny|different|rar*|extran*|crazy - machine cuff monitor scale app \
phone meter
3 VERY dizzy|lightheaded|mareada|mareado|dizziness|mareos|woozy - no
~5 dizz*|lightheaded|mare*|vertig*|woozy|head_rush|spinning|vueltas pass|fall*|fell|stand*|walk*|throw*|vomit*|room|\
cant|sudden*|cai*|caer*|caig*|par*|todo|sostener*|desmay*|cuarto|caminar|sick|vomitando|bad|real|hits|faint* - no ni

# consciousness
faint*|swoon*|desmay*|desvan* - line PAST TALK
pass*|passing|passed|past out - pamphlets flyers papers
black*|blakc*|blacking|keel*|conked|knocked|went|zoned out|over|cold - lights power cookies shopping hiking dancing
black*|blackout out
collaps*|unconsc*|inconsc*|unrespons*|seizure*|convuls*|epilep*|coma|soponcio|patatus|limp|lifeless|inert* - PAST TALK
having|had|has|tuvo|tiene|dio|dando|dieron a|un|una|unos|otro|another fit|fits|ataque|ataques|convulsion*|spell - \
nervios
2 shaking|tembl*|jerking|sacud* all_over|uncontroll*|incontrol*|violently|nonstop|sin_control|sin_parar
eyes|ojos rolled|rolling|rolled_back|blanco|volte*|blancos
2 NOT|no open|opening|abre|abrir|abria|opened eyes|ojos|ojitos
2 NOT|cant|hard|tried|trying|unable|impossible|no|CANNOT to|get|se|le|me|her|him|un|una WAKE - como entiendo esto \
preguntas
1 NOT|cant|hard|unable|no|CANNOT|wont WAKE - como esto question questions phone calls call text texts llamadas \
numero telefono mensajes nobody nadie
foaming|espuma mouth|boca|at|por
no|without|sin|cant_find|weak|weird|irregular pulse|pulso|latido
found|encontr*|halle|hallamos him|her|mom|dad|my|a_mi|lo|la|tirad* floor|ground|tirad*|piso|suelo|unrespon*|cold|\
inconsc*|tirado
lost|perdio|perdi|perdiendo consc*|conocimiento|sentido|conciencia|conosimiento
eyes_rolled|going_unconscious|about_to_pass|se_me_va|se_fue_de_lado|me_voy|in_and_out
se_va|me_iba|se_iba|en_si|no_vuelve|vuelve de_lado|desmay*|en_si|a_caer|conocimiento

# bleeding
bleed*|bled|hemorrh*|hemorrag*|hemorra*|desangr*|sangra*|sangro|sangre_mucho|sangrad*|bloody - gums_fine TALK PAST
~6 BLOOD FLOW - laboratorio bloodwork
~4 BLOOD thinner*|see|seeing|saw|veo|vi|gotas|drops|pool|lost|losing|perd*|tinto|nosebleed|splatter*|baj*|sac* - \
laboratorio bloodwork test
~3 black|tarry|negr*|red|roj*|dark|prieto|prieta|alquitran stool*|poop*|poo|bowel|popo|caca|excremento|heces|evacu*|\
orina|urine|pee|obr* - kit prueba
~3 coffee_grounds|cafe_molido|asientos_de_cafe|posos vomit*|throw*|stool|like|como|parecid*
nosebleed|hematemesis|melena

# poison and allergy
3 TOOK MANY PILL|them|insulin|pastill*|del|de
4 TOOK PILL MANY - many_years
3 TOOK LOTS PILL|them|of_them
3 TOOK all|whole|entire|todas|toda|todo my|the|mis|las|bottle|frasco|el|of pills|tablets|pill|pastillas|pildoras|\
frasco|bottle|them_at_once|tabletas|insulin|insulina - REGULAR
3 TOOK whole|entire|all bottle|of_them|them|at_once|de_una|de_un_jalon|de_un_golpe|juntas - REGULAR
~4 MANY insulin|insulina|PILL TOOK|gave|mistake|accident*|error|equivoc*
1 double|doubled|triple|doble|tripled dose*|dosed|insulin|insulina|dosis|up_on|ration|los|racion
2 too_much|too_many|demasiad*|mucha|muchas|wrong insulin|insulina|pastillas|pildoras|pills|units|unidades|medicine|\
medicina|dose|tablets|tylenol|meds
4 TOOK my|his|her|the|mi|las|de|la|someone|somebody husbands|wifes|moms|dads|elses|otra_persona|esposo|esposa|mama|\
dogs|marido|perro|equivocad*|wrong - REGULAR
4 TOOK PILL|it|them|la|lo|las twice|dos_veces|doble|by_accident|by_mistake|por_accidente|por_error|equivocacion|\
error|mistake
2 drank|swallow*|drink|tomo|bebio|tome|bebi|trago some|a|un|un_poco|el bleach|cloro|poison|veneno|cleaner|\
antifreeze|detergent*|battery|raticida|gasolina|fabuloso|pinol|alcohol|insecticida
overdos*|over_dos*|sobredos*|poisoned|poisoning|envenen*|intoxic*|o_d_ed|oded - PAST TALK chocolate
anaphy*|anafil*|epipen|epi_pen
3 allergic|allergy|alergic|alergica|alergia|reaction|reaccion reaction|reacting|reaccion|alergica|fuerte|attack|bad
4 THROAT SWELL - pain_gone bank
4 SWELL THROAT
4 se_me|se_le|me_esta|se_esta SWELL THROAT
3 hives|rash|ronchas|urticaria|welts|sarpullido|roncha|itch* all_over|swoll*|breath*|throat|BREATHE|todo|cuerpo|\
garganta|spread*|face|everywhere|hinch*|whole
3 all_over|todo|llena|llen*|break*|broke|broken|me_salieron|salio|sali* de|in|el|cuerpo|out hives|ronchas|urticaria|\
welts|roncha
stung|sting|pico|bit|picadura bee*|wasp*|abeja*|avispa*|scorpion|alacran|snake|vibora|spider|arana
# what else is said of the body
~4 CHEST band|banda|faja|vise|grip*|rope|belt|bear|truck|foot|knot|hole|fire|fuego|nudo|apachurr*|someone_standing|\
standing|stomp*
LIMB|lado hangs|hanging|dangl*|drag|drags|dragging|arrastra|arrastrando|cuelga|colgando|gone|sin_fuerza|sin_fuerzas
everything|todo|all went|goes|going|turned|got|se|puso|puse|pone|turn black|dark|blurry|negro|oscuro|borroso|gray|\
white|blanco
~4 stool*|poop*|popo|caca|excremento|shit tar|alquitran|chapopote|licorice|asphalt|blood
~6 drank|drunk|alcohol|vodka|tequila|whiskey|beers|cervezas|borrach* PILL|xanax|pastill*|sleeping
~7 TOOK PILL|them|it three|3|4|four|several|tres|cuatro times|veces - a_day daily dia
5 severe|worst|unbearable|excruciating|intense|sharp|terrible|insoportable|fuertisimo|horrible PAIN stomach|belly|\
abdomen|abdominal|back|side|estomago|panza|barriga|vientre|espalda
5 PAIN stomach|belly|abdomen|abdominal|estomago|panza|barriga|vientre|abdomen unbearable|excruciating|insoportable|\
muchisimo|doubled|cant|hard|no_aguanto|horrible
unbearable|excruciating|insoportable|10_out|ten_out|10_de pain|dolor|of
cold|clammy|sudor sweat*|frio|frios|clammy
fue|va|hizo|jalo|puso|quedo|queda|quedo_la boca|cara|la_boca|la_cara de_lado|chueca|torcida
feel|feels|feeling|felt|siento|siente so|really|very|extremely|like|muy|bien|terribly|super bad|awful|terrible|ill|\
sick|dying|mal|malisim*|pesim*|fatal - about for missing because bored no_me no_se better
burning|fire|incendio|fuego|carbon_monoxide|gas house|casa|leak|fuga|alarm|inside|kitchen
losing|lost|perd*|cant_keep|no_balance|off balance|equilibrio|my_balance
heat_stroke|heatstroke|hypothermia|golpe_de_calor|frostbite
3 feet|foot|toe|toes|leg|pie|dedo|finger turn*|going|black|negro|negra|gangren* black|negro|negra|purple|morado|blue
"""
