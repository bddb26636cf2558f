"""Kinds of words that tell danger from daily life, in English and Spanish: what the model knows beyond single words.

A word ending in `*` stands for all that begin so, `a_b` for two words in a row, as in `danger_concepts`.
"""

from functools import lru_cache

_Phrase = tuple[tuple[str, ...], str]

KINDS = {
    "INSIDE": """
        chest heart lung* stomach belly abdomen tummy gut* kidney* liver bladder throat windpipe brain head skull
        pecho corazon pulmon* estomago panza barriga vientre abdomen rinon* higado vejiga garganta cerebro cabeza
    """,
    "OUTSIDE": """
        arm* leg* hand* foot feet finger* toe* knee* hip* ankle* wrist* elbow* shoulder* neck back face mouth lip*
        tongue eye* ear* nose jaw cheek* skin calf groin side rib* spine brazo* pierna* mano* pie pies dedo* rodilla*
        cadera* tobillo* muneca* codo* hombro* cuello espalda cara boca labio* lengua ojo* oido* nariz quijada
        mandibula piel pantorrilla* costilla* columna lado
    """,
    "HURTS": """
        pain* hurt* ache* aching sore burn* sting* stab* crush* squeez* pressure tight* heav* pound* throb* cramp*
        spasm* agony unbearable sharp dolor* duel* doli* ard* quem* aprieta* apret* opresi* punz* punt* calambre*
        late* pesa* molest* aplast* revient* insoportable
    """,
    "AIR": """
        breath* air wheez* gasp* pant* winded suffocat* smother* chok* inhaler oxygen sats spo2 respir* aire ahog*
        asfixi* sofoc* jade* silb* pito pitando chifl* inhalador oxigeno saturacion agitad* fatiga aliento
    """,
    "SICK": """
        vomit* puk* throw* nause* sick dizzy dizz* lighthead* faint* weak* shak* trembl* sweat* clammy chill* fever
        feverish numb* tingl* blur* swell* swoll* puff* rash hive* itch* bleed* blood* pus infect* bruis* stagger*
        wobbl* woozy groggy drows* lethargic limp confus* disorient* delir* hallucinat* seizure* convuls* rigors
        unconscious unresponsive collaps* vomit* volv* devolv* nause* asco mare* atarant* desmay* debil* tembl* sud*
        escalofri* fiebre calentura temperatura adormec* hormigu* borros* nubl* hinch* inflam* roncha* sarpullid*
        urticaria sangr* hemorrag* coagulo* infecci* morad* palid* inconsciente reaccion* convulsi* delir* alucin*
        confund* desorient* somnolient* palpit* zumb* entum* dorm* tiesa tieso gris azul* amarill* guacare*
    """,
    "STRANGE": """
        weird strange funny odd off wrong bad worse worst terrible awful horrible severe scared afraid frightened
        strangely raro rara raros mal peor fatal horrible terrible feo fuerte grave gravisim* malisim* pesimo miedo
        asustad* extran*
    """,
    "ONSET": """
        sudden* suddenly now right_now just since today tonight this_morning last_night yesterday minutes hour hours
        keeps still again getting all_night all_day anymore ahora ahorita de_repente de_pronto desde hoy anoche ayer
        amaneci* hace_rato cada_vez todavia sigue otra_vez minutos hora horas recien madrugada
    """,
    "LONGAGO": """
        ago years last_year last_month last_week last_winter last_summer used_to history back_in when_i_was childhood
        since_then before anos ano_pasado mes_pasado semana_pasada antes antiguamente de_nina de_nino cuando_era
        hace_anos hace_mucho hace_meses 19* 20* healed recovered recuper* sane sano
    """,
    "DENIES": """
        no not dont doesnt didnt cant wont isnt never without none denies nothing neither nor no sin nunca ningun*
        tampoco ni nada niego cero
    """,
    "UNABLE": """
        cant cannot unable couldnt wont barely hardly trouble not_able no_puedo no_puede no_pude no_logro no_consigo
        no_me_puedo no_se_puede apenas cuesta dificultad no_aguanto no_alcanz* imposible
    """,
    "OTHERS": """
        he she him her his mom mama mother dad papa father husband wife son daughter baby child kid brother sister
        grandma grandpa grandmother grandfather nana granny neighbor friend roommate client patient toddler newborn
        uncle aunt esposo esposa marido mujer hijo hija mijo bebe nino nina hermano hermana abuelo abuela abue vecino
        vecina amigo amiga tio tia suegr* nieto nieta viejo viejito el ella compadre comadre cunad* primo prima
    """,
    "FALL": """
        fell fall fallen falling slip* trip* tumbl* floor ground stairs ladder hit crash* cai cayo cae caida caer
        resbal* tropec* tropez* piso suelo escaler* golpe* pegue pego tirada tirado choc*
    """,
    "MOVE": """
        walk* stand* move* moving lift* get_up sit* hold* grip squeeze swallow* talk* speak* see wake woke awake
        answer* respond* eat drink pee urinate camin* levant* mover mueve par* sentar* sosten* agarr* trag* habl*
        decir ver veo despiert* despert* contest* respond* reacciona* comer come beber orin*
    """,
    "DEATHWISH": """
        die dying dead death kill* suicid* end_it end_my hang* shoot gun pistol* rope knife razor bridge rooftop
        goodbye farewell burden worthless hopeless alive live living exist* anymore disappear forever peace heaven
        mor* muer* matar* mato suicid* pistola soga cuchillo navaja puente azotea adios despedi* carga estorb* vivir
        vida existir desaparec* siempre cielo perdon* mundo
    """,
    "HARM": """
        hit hits beat* chok* punch* slap* push* shov* rape* threat* abus* lock* hurt_me hurts_me strangl* forc* grab*
        pega* pego golpe* ahorc* empuj* avent* viol* amenaz* maltrat* encierr* encerr* jal* pellizc* oblig* macheta*
    """,
    "DRUG": """
        pill* tablet* med meds medicine* medication* insulin* dose* bottle* tylenol advil ibuprofen aspirin morphine
        oxy* fentanyl patch warfarin coumadin xarelto eliquis metformin metoprolol lisinopril xanax benadryl antibiotic
        inhaler epipen pastilla* medicina* medicament* insulina dosis frasco* pomo parche* jarabe remedio* antibiotic*
        paracetamol morfina gotas clonazepam losartan metformina anticoagulante bote
    """,
    "TOOMUCH": """
        twice double too_many too_much whole entire extra overdos* wrong mistake accident* handful bunch all_my
        all_the dos_veces doble demasiad* tod* equivoc* error monton punado de_mas sobredosis mas_de
    """,
    "POISON": """
        bleach antifreeze poison* gas fumes smoke carbon pesticide chemical* lye battery magnet cleaner detergent pod
        cloro veneno gas humo monoxido quimico* pesticida detergente pila iman lejia lavandina amoniaco
    """,
    "BITE": "bee wasp* hornet* snake spider scorpion sting stung bit bite* abeja* avispa* vibora alacran arana pic*",
    "LEAK": """
        pour* gush* soak* spurt* leak* drip* clot* stool toilet urine pee poop diaper pad pads sheets cough* spit*
        nosebleed brot* chorr* empap* mancha* orina popo heces excremento panal toalla* sabana* tos* escup* flema
    """,
    "PREGNANT": """
        pregnan* weeks contractions labor baby fetal womb miscarr* postpartum section embaraz* semanas contraccion*
        parto fuente bebe cesarea aborto prenada
    """,
    "HELPME": """
        help emergency ambulance 911 hurry urgent* send come er hospital asap someone somebody ayuda auxilio
        ambulancia emergencia* urg* socorro manden vengan venga corran alguien
    """,
    "GRIEF": """
        tired alone lonely give_up done sad cry* nobody no_one hate point use reason matter* anymore cansad* sola
        solo nadie llor* odio sentido harto harta triste ganas fuerzas importa rend*
    """,
    "ADMIN": """
        appointment* appt visit schedule* reschedul* book* bill billing insurance form* paper* refill* pharmacy clinic
        office lab results test tests copay medicare card website link app password login parking ride bus address
        mail fax monday tuesday wednesday thursday friday saturday sunday cita* turno consulta factura seguro hoja
        papel* receta farmacia clinica oficina laboratorio resultado* analisis examen copago tarjeta pagina enlace
        aplicacion contrasena estacionamiento transporte direccion lunes martes miercoles jueves viernes sabado
        domingo agend* reagend*
    """,
    "GADGET": """
        cuff scale meter machine monitor battery batteries phone device bluetooth screen charger strips lancets hub
        internet wifi computer tv truck car watch aparato bascula medidor maquina monitor bateria pilas telefono celular
        cel pantalla cargador tiras lancetas brazalete reloj carro troca camioneta computadora luz senal tele
    """,
    "FINE": """
        fine good great ok okay well better best normal healed perfect blessed happy glad thank* thanks love god bless
        amen bien mejor normal perfect* gracias feliz content* bendi* dios excelente tranquil* bueno buena chido
    """,
    "JOKE": """
        lol haha* hahaha* jaja* jeje* funny laugh* joke movie game team party wedding birthday risa reir chiste
        pelicula partido fiesta boda cumpleanos novela
    """,
    "ASKS": """
        what when where how which why who does is_it can_i do_i should_i may_i que cuando donde como cual cuanto
        cuantas por_que puedo debo es_normal
    """,
    "LITTLE": "little bit slight* mild* minor usual tiny poco poquito tantito leve normal siempre",
    "FOOD": """
        eat food breakfast lunch dinner supper salt sugar coffee beer wine soup bread cook* recipe grapefruit
        desayun* comida cena sal azucar cafe cerveza vino sopa pan cocin* receta toronja tortilla* tacos
    """,
    "SENDING": """
        text* message* msg* sms reminder* notification* alert* email* call* contact* send* sent write writing phone
        number list program service subscription mensaj* texto* texte* recordatorio* aviso* recado* notificacion*
        manda* mande* mando* envi* escrib* llam* numero lista programa servicio suscripcion celular
    """,
    "ENDING": """
        stop* quit* end* cancel* remov* delet* unsub* block* enough off out no_more cease* discontinu* terminat* leave
        lose take_me par* basta alto baja bloque* borr* elimin* quit* saqu* sac* dej* suspend* termin* desactiv* cancel*
        cort* apag* ya_no no_mas sal* detener detengan
    """,
    "PESTER": """
        bother* annoy* harass* spam* pester* bug* nag* hound* tired_of sick_of hate lawyer report* complain* police
        molest* fastidi* hart* cansad* acos* spam chinga* jod* frieg* lata denunci* report* queja abogado policia
    """,
    "KEEP": "keep keeps more again like want love help* sigan siga gustan quiero sirven ayudan mas otra_vez dont_stop",
}


def _by_beginning() -> tuple[dict[str, list[str]], dict[str, list[tuple[str, str]]], dict[str, list[_Phrase]]]:
    """Whole words; beginnings by their first two letters; phrases by their first word."""
    whole: dict[str, list[str]] = {}
    begun: dict[str, list[tuple[str, str]]] = {}
    phrases: dict[str, list[_Phrase]] = {}
    for kind, terms in KINDS.items():
        for term in terms.split():
            if "_" in term:
                parts = tuple(term.split("_"))
                phrases.setdefault(parts[0], []).append((parts, kind))
            elif term.endswith("*"):
                begun.setdefault(term[:2], []).append((term[:-1], kind))
            else:
                whole.setdefault(term, []).append(kind)
    return whole, begun, phrases


_WHOLE, _BEGUN, _PHRASES = _by_beginning()


@lru_cache(maxsize=8192)
def _of_word(word: str) -> tuple[str, ...]:
    begun = (kind for start, kind in _BEGUN.get(word[:2], ()) if word.startswith(start))
    return tuple(dict.fromkeys((*_WHOLE.get(word, ()), *begun)))


def kinds_of(words: list[str]) -> list[tuple[str, ...]]:
    """For each word the kinds that it, or the phrase which it begins, belongs to."""
    return [_of_word(word) + _of_phrases(words, at) for at, word in enumerate(words)]


def _of_phrases(words: list[str], at: int) -> tuple[str, ...]:
    return tuple(kind for parts, kind in _PHRASES.get(words[at], ()) if _begins(words[at : at + len(parts)], parts))


def _begins(words: list[str], parts: tuple[str, ...]) -> bool:
    """The last word of a phrase may be a beginning."""
    *first, last = parts
    if len(words) != len(parts) or words[:-1] != first:
        return False
    return words[-1].startswith(last[:-1]) if last.endswith("*") else words[-1] == last
