"""What danger is made of, in English and Spanish: body, complaint, despair, and what surrounds them.

A word ending in `*` stands for all that begin so, `a_b` for two words in a row. Both languages stand side by side, as
people mix them.
"""

CONCEPTS = {
    "PERSON": """
        i im ive he hes she shes we they you mom moms mum mama mommy dad dads daddy papa mother father wife wifes
        husband husbands son daughter brother sister grandma grandpa baby kid child neighbor friend roommate patient
        him her he_just i_just she_just i_almost grandmother grandfather aunt uncle hubby boyfriend girlfriend honey
        granny nana
    """,
    "CHEST": "chest chess chesp chet chests breastbone sternum ribcage pecho pechos pechito torax esternon",
    "HEART": "heart ticker corazon corazoncito",
    "PAIN": """
        pain pains painful hurt hurts hurting ache aches aching achy throb* stab* sharp sore burn burns burning
        squeez* crush* killing discomfort dolor* duel* doli* aprieta* apret* punzad* pinchaz* ardor arde ardiendo
        quema* oprim* molestia* aplast* agony cramp* calambre* dolid*
    """,
    "PRESS": """
        pressure tight tightness tightening tightens heavy heaviness weight elephant brick opresion presion pesad*
        pesa peso fullness piedra stone rock ton sitting encima losa yunque plancha squishing stuck* atorad*
    """,
    "LIMB": """
        arm arms leg legs hand hands side foot feet finger fingers body mouth brazo brazos brasos pierna piernas
        mano manos lado dedo dedos pie pies cuerpo boca
    """,
    "FACE": "face mouth smile eyelid cheek cara boca rostro parpado lip",
    "THROAT": """
        tongue throat lips lip face mouth eye eyes neck lengua garganta labio labios cara boca ojo ojos cuello
    """,
    "SWELL": "swell* swoll* puff* balloon* clos* hinch* inflam* inflad* cerr* cierr* inch* huge tighten*",
    "NUMB": """
        numb numbness tingl* dead limp heavy useless asleep paraly* adormec* dormid* durm* entum*
        debil* hormigu* paraliz* tiesa tieso duerm* dormi* engarrot*
    """,
    "DROOP": """
        droop* crooked twisted lopsided sag* sagging drawn uneven fell fallen slump* melting torc* torcid* tuerc*
        chueca chueco caid* cae ca* desvi* colga* ladead* jalad* jalo
    """,
    "CANNOT": """
        cant cannot couldnt cant_even cant_hardly unable not_able trouble difficulty difficult hard harder struggl*
        barely hardly no_puedo no_puede no_pueda no_podia no_pued* no_logr* no_consig* cuesta dificil dificultad
        batall* apenas no_me_puedo no_se_puede no_se_pueden no_poder no_pudo no_pude trabajo_para sin_poder
        puedo_apenas problemas_para
    """,
    "BREATHE": "breath* breth* respir* rrespir* resuell* air aire aliento wind",
    "NOT": "not no isnt aint wont dont doesnt didnt stopped quit cant nt never couldnt dejo ya_no barely",
    "WAKE": """
        wake wakes waking woke awake wakeup respond* answering react* despiert* despert* reaccion* contest* arouse
    """,
    "SUDDEN": """
        sudden* suddenly all_of_a_sudden repente pronto golpe subit* just_now out_of_nowhere overnight amaneci*
        desde ahorita
    """,
    "SIGHT": "vision sight eye eyes eyesight vista ojo ojos",
    "SPEECH": """
        talk talks talking talkin speech speak* words spoke sounds sounding habla hablar hablando hablo lengua
        palabras answers
    """,
    "ODD": """
        funny weird strange slur* garbl* gibberish jumbl* mumbl* nonsense mixed drunk wrong twisted incoherent raro
        rara raros chistoso enredad* trab* arrastra* incoheren* borrach* mal thick sideways backwards tonterias
        disparates
    """,
    "VERY": "very so really real super too extremely suddenly all muy bien tan bastante toda todo",
    "BLOOD": "blood bloody sangre sangr*",
    "FLOW": """
        lot lots lotta everywhere gush* pour* soak* coming clots toilet stool poop pee urine vomit* vomiting throw*
        threw puk* spit* cough* coughing nose wont heavy heavily mucha mucho salir sale saliendo popo caca
        excremento orina orin* orino escup* tos* nariz boca vomite vomito devuelv* bano inodoro perd* perdiendo
        heces coagul* brot* chorr* arroj* hisopo bacinica evacu* stop mouth ear ears privates down_there recto ano
        parte abajo obr* defec* cut spurt* puddle charco sheets
    """,
    "PILL": """
        pill pills tablet tablets tab tabs capsule* med meds medicine medication* insulin units unit dose doses
        pastilla pastillas pildora pildoras tableta tabletas medicina medicinas insulina unidades dosis capsula*
        medicamento* remedio tylenol advil aspirin warfarin metformin metformina gotas
    """,
    "MANY": """
        too_many too_much way_too extra handful bunch fistful bottle bottles whole_bottle demasiad* muchas much*
        montona monton frasco bote punado botella todas_las todas_mis todo_el twice double doubled triple dos_veces
        doble de_mas wrong another_patients somebody_elses someone_elses por_error equivoc* accident* mistake entire
    """,
    "TOOK": """
        took taken take taking swallow* gave given inject* shot drank ate popped downed tome tomo tomado tomaron
        tome_yo tomar trag* di dio inyect* puse puso meti metio pus* bebi ingeri* comi tomarme tomamos had
    """,
    "LOTS": """
        six seven eight nine ten twelve fifteen twenty thirty forty fifty hundred seis siete ocho nueve diez doce
        quince veinte treinta cuarenta cincuenta cien numbermany
    """,
    "FELL": """
        fell fallen falling fall fel slip slipped tripped tumble tumbled toppled collaps* trip cai caigo caio cayo
        caido caida cayendo cayeron caer caerme caerse caimos resbal* tropec* tropez* rodo rode desplom* azot*
        caiste
    """,
    "THINGS": """
        asleep behind short apart through prices price snow rain leaves phone cuff machine monitor battery scale
        pill pills tablet telefono celular pastilla pastillas aparato maquina pelo cabello hair precio precios nieve
        lluvia reading temperature numbers weight sistema red internet llamada signal senal mind in_love love
        bateria bascula bien mal gordo reloj azucar presion line lunes martes miercoles jueves viernes sabado
        domingo calendar dog cat it
    """,
    "BROKE": """
        broke broken break snapped busted fractur* dislocat* sprain* quebr* romp* rompi* rompio disloc* zaf* torci
    """,
    "BONE": """
        hip wrist arm leg ankle neck bone bones rib ribs shoulder knee back nose skull cadera muneca brazo pierna
        tobillo cuello hueso costilla* hombro rodilla espalda femur foot
    """,
    "SELF": "myself himself herself themselves me self meself",
    "HURT": """
        kill killing kil hurt hurting harm harming cut cutting shoot shooting hang hanging drown stab off_ing end
        ending finish* offing
    """,
    "WANT": """
        want wants wanted wish wishing wishes ready going rather hope hoping prefer plan planning like thinking
        think thoughts tired better could should would will might wanting need might_as_well gonna about quiero
        quisiera quiere ganas deseo prefiero voy pienso pensando ojala mejor vale va querer queria gustaria deseando
        espero rogando pido intent* trat*
    """,
    "NOWANT": """
        dont no_longer not doesnt cant wont never didnt nothing tired_of sick_of rather_not no_reason no_point
        no_use anymore whats_the_point why isnt no ya_no no_quiero no_deseo cansad* hart* nunca sin para_que
        aburrid* jamas ni stop hate can't
    """,
    "DIE": """
        die dies dead dying death morir* muert* morirme muero murier* muriera gone desaparec* desaparezc* disappear
        morirse palmar
    """,
    "LIVE": """
        live living alive life exist exist* around here_anymore be_here being_here be_around wake_up waking_up
        this_world this_earth go_on going_on keep_going carry_on vivir viv* vida vivo viva existir despertar*
        despertarme despierte este_mundo seguir_aqui seguir_viviendo seguir_asi seguir_adelante estar_aqui continuar
        world existencia amanecer seguir_en levantarme_nunca
    """,
    "POINT": "point reason use sense purpose sentido caso chiste razon motivo objeto",
    "WEAPON": """
        gun pistol rope noose razor knife blade trigger rifle shotgun pistola cuchillo soga navaja escopeta bridge
        puente veneno bleach cloro poison revolver
    """,
    "SHAKY": """
        shaky shaking shakes shake sweat* confus* dizzy dizz* faint weak sleepy drows* trembl* tembl* sud* marea*
        mare* confund* debil* nause* headache head vomit* thirst* sed blurr* borros* sick mal chest pain hurts bad
        numb pecho dolor pass throw threw cabeza zumb* loopy delirious vision groggy unwell funny hambre raro
        respirar breath* horrible awful terrible disorient* lethargic palpit* spots weird clammy seeing
    """,
    "LOW": "low bottomed dropped crash* baja bajo bajita bajon bajandose bajisima lo desplom* baj*",
    "HIGH": "high sky skyrocket* hi alta alto altisima altisimo subid* disparad* elevad* crazy nubes cielo",
    "HEAD": "head headache headaches cabeza migraine migrana jaqueca",
    "FALLON": "head face skull cabeza cara frente craneo nuca forehead temple hip back",
    "HIT": """
        hit hits bang* bump* smack* crack* bust* whack* split landed golpe* pegue pego pegu* peg* di dio descalabr*
        parti abri gash* slam*
    """,
    "MUCH": """
        worst explod* exploding split* blinding terrible severe unbearable sudden* killing thunder* ever
        excruciating horrible awful peor fuertisim* insoportable explot* revient* reventar estall* revent* nunca
        tremend* feroz brutal insufrible partir parte
    """,
    "OTHERONE": """
        husband wife boyfriend girlfriend son daughter brother dad mom he she him partner caregiver aide esposo
        esposa marido novio novia hijo hija pareja hermano papa mama el ella cuidador* nieto grandson
    """,
    "BEAT": """
        hit hits hitting beat beats beating choke choked choking chokes punch* push* pushed kick* slap* threaten*
        abus* rap* strangl* attack* hurting pega peg* golpea golpeo golpe* amenaz* maltrat* ahorca* empuj* patea
        viol* abusa*
    """,
    "MOUTHBLUE": "blue purple grey gray azul* morad* cenizo* palid*",
    "REGULAR": """
        as_told today this_morning on_time as_directed as_prescribed like_you a_tiempo hoy esta_manana como already
        ya morning tonight daily days hours
    """,
    "YEAR": """
        years ago history anos since family runs 19* 20* hace_mucho antecedentes before survived survivor
        anniversary
    """,
    "PAST": """
        years_ago yrs_ago year_ago last_year last_winter last_spring last_summer ano_pasado hace_anos de_chico de_chica
        as_a_kid as_a_child when_i_was
    """,
    "TALK": """
        class clase clinic clinica library luck suerte signs senales warning survey encuesta prevention squeeze bill
        cuenta show serie kit movie pelicula news noticias biopsy biopsia mechanic mecanico easily facil lol haha jaja
        jajaja risa laughing laughed paperwork papeles precios prices
    """,
    "CRISISVALUE": "crisisvalue",
    "HIGHVALUE": "highvalue",
    "NUMBERSUGAR": "lowsugar",
    "NUMBERFEVER": "highfever",
    "MATTER": """
        bill about which by instructions letter message messages text texts app insurance appointment date schedule
        directions form website link what how portal factura cita carta mensaje instrucciones seguro receta entre
        fecha numero dosis
    """,
}
