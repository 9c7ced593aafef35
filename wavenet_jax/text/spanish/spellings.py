"""Spanish words that are not written as they sound: loanwords, and accents that are often left out."""

LOANWORDS = dict(
    pair.split("=")
    for pair in (
        "answer=ánser asterisk=ásterisk blues=blus bluetooth=blutut byte=bait bytes=baits cd=cedé chat=chat club=club "
        "com=com digium=díyium email=imeil emails=imeils facebook=féisbuk feedback=fídbak freeware=fríwer "
        "gigabyte=gigabait gigabytes=gigabaits gmail=yimeil google=gúguel hangup=jángap hardware=járwer hobby=jobi "
        "hollywood=jóliwud hotmail=jotmeil iphone=aifon jazz=yas jeans=yins jingle=yínguel john=yon kilobyte=kilobait "
        "kilobytes=kilobaits link=link linux=línux mail=meil mails=meils marketing=márketin megabyte=megabait "
        "megabytes=megabaits mexicali=mejicali mexicana=mejicana mexicanas=mejicanas mexicano=mejicano "
        "mexicanos=mejicanos mexico=méjico mexiquense=mejiquense michael=máikel microsoft=máicrosoft mister=míster "
        "méxico=méjico nancy=nansi net=net new=niu oaxaca=oajaca oaxaqueña=oajaqueña oaxaqueño=oajaqueño ok=okéi "
        "okay=okéi online=onlain org=org paypal=péipal pizza=pitsa pizzas=pitsas ray=réi rock=rok router=ruter "
        "show=chou shows=chous skinny=eskini skype=eskaip smartphone=esmarfon software=sófwer spotify=espótifai "
        "stop=estop streaming=estrimin super=súper terabyte=terabait terabytes=terabaits texana=tejana texano=tejano "
        "texas=tejas twitter=tuíter washington=wáchinton web=web webs=webs whatsapp=watsap whiskey=wiski whisky=wiski "
        "wifi=wifi windows=windous xalapa=jalapa xavier=javier ximena=jimena yankee=yanki york=york youtube=yutub "
        "zoom=zum zulu=zulú"
    ).split()
)
"""Words by how Spanish would spell them."""

UNACCENTED = {
    word.translate(str.maketrans("áéíóúñ", "aeioun")): word
    for word in (
        "además adiós ahí allá allí análisis ángel años aquí área áreas asesoría así atención atrás automática "
        "automático autónomo básica básico batería biología botón búsqueda buzón cámara cápsula catálogo "
        "categoría clínica código códigos comenzará compañía compañías comunicarán contestará contraseña "
        "contraseñas cortés crédito débito décima décimo decimoséptimo después día días dieciséis dígito dígitos "
        "dirección dólar dólares duodécimo económica económico electrónica electrónico energía enseñanza español "
        "española españoles estación están estándar estará éxito fácil fáciles física físico fotografía garantía "
        "gráfico guía guiaré hipótesis índice iniciará intentaré inválida inválidas inválido inválidos japón "
        "jardín jóvenes kilómetro kilómetros lápiz líder líderes línea líneas lógica lógico mañana mañanas "
        "máquina maría máxima máximo mecánica médica médico médicos menú miércoles millón mínima mínimas mínimo "
        "mínimos módem móvil móviles música niña niñas niño niños numérica numérico número números océano órdenes "
        "óscar página páginas país pájaro pequeña pequeñas pequeño pequeños pérdida perdón policía político "
        "préstamo propósito próxima próximas próximo próximos público quizás rápida rápido recibirá sábado "
        "sábados según señal señales señor señora señores señorita séptima séptimo será serán sesión sílaba "
        "símbolo también técnica técnicas técnico técnicos tecnología telefónica telefónicas telefónico "
        "telefónicos teléfono teléfonos tendrá teoría todavía tráfico tránsito través trigésimo última últimas "
        "último últimos undécimo única únicas único únicos unirá unirán útil vacía vacías válida válidas válido "
        "válidos vehículo veintidós veintiséis veintitrés víctima víctor vigésimo volverá"
    ).split()
} | {"atravez": "através"}
"""Words with their accents, and with ñ, by how they are written in haste, where that is hardly a word of its own."""
