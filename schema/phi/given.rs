//! Common Brazilian given names, folded.
//!
//! Owns the list and nothing else: the most frequent of the census, where a match makes a
//! capitalised word more likely a person. It is evidence, not a detector: most names that are not
//! here are still names, and `Rosa` and `Vitória` are also words.

/// Separated by white space; without accents, in lower case.
pub(super) const GIVEN_NAMES: &str = "
    maria jose ana joao antonio francisco carlos paulo pedro lucas luiz luis marcos gabriel rafael
    daniel marcelo bruno eduardo felipe raimundo rodrigo manoel manuel mateus matheus andre
    fernando fabio leonardo gustavo guilherme leandro tiago thiago anderson ricardo marcio jorge
    sebastiao alexandre roberto edson diego vitor victor sergio claudio sandro adriano mario
    renato alex julio cesar samuel robson vinicius henrique caio arthur artur enzo miguel davi
    heitor bernardo theo nicolas otavio benedito geraldo joaquim valdir wagner wilson nelson
    rogerio reinaldo mauro flavio hugo igor ivan jonas juliano emerson everton gilberto
    francisca antonia adriana juliana marcia fernanda patricia aline sandra camila amanda bruna
    jessica leticia julia luciana vanessa mariana gabriela vera vitoria larissa claudia beatriz
    rita luana sonia renata eliane josefa simone natalia cristiane carla debora rosangela jaqueline
    rosa daniela aparecida marlene terezinha raimunda andreia fabiana lucia raquel angela rafaela
    joana luzia elaine rosana monica regina helena alice laura sophia sofia isabela isabella
    manuela heloisa valentina lorena livia cecilia eduarda yasmin clara lara elisa teresa tereza
    cristina viviane tatiane tatiana priscila silvia sueli suely solange roseli marta margarida
    ivone irene iracema ines gloria flavia eva estela ester edna denise conceicao celia catarina
    barbara augusto benicio caetano cicero damiao elias emanuel ernesto estevao ezequiel fabricio
    gilmar isaac ismael israel jair jeferson jefferson joel josue kaique lauro levi lorenzo luan
    marco marcus mauricio milton moacir moises murilo natan nilson noel osvaldo oswaldo pietro
    ramon raul renan ronaldo ruan rubens saulo silvio tadeu tomas valter vicente vagner walter
    wesley william yuri zelia zilda zenaide zuleica
    ademir ademar adilson ailton alberto alcides aldo alessandra alessandro alfredo aloisio almir
    altair alvaro amelia anderson anselmo aparecido arnaldo arlindo armando arthur ary ataide
    aurea aurora beto bianca brenda caetana camilo carina carmem carmen carolina cassio celso
    cintia cleber cleide cleusa clovis cristiana daiane danilo dalva darci dario deise delfina
    diana dirce diva djalma domingos doralice douglas edilene edileusa edilson edmar edmilson
    edmundo edivaldo edvaldo eleonora elisangela eliana elza erica erika eunice evandro everaldo
    fabricia fatima felicia fernandes frederico geni genival geralda gerson gilda gilson giovana
    giovanna gisele giselle graca guiomar gustava haroldo hector helio heloiza hilda humberto
    idalina inacio iolanda iracy isadora isaura iure ivanildo ivete izabel jacira jacqueline
    jaime janaina jandira janete joelma jonathan josefina josiane josias judite julieta juraci
    jurema jussara karen karina karla katia keila kelly kleber laercio laercia leda leila leonor
    leticia lidia lilian lindalva lourdes lourenco lucimar lucio ludmila luisa luiza luzinete
    madalena magali maicon manoela marilda marilene marilia marina marinalva mario marisa maristela
    marlon maura mayara michele michelle mirian miriam mirtes nadia nair nathalia neide neusa
    nilda nilza nivaldo noemi norma odete olga olivia orlando osmar otacilio paloma pamela
    patrick paula perla petronilo quiteria rebeca reginaldo roberta romulo ronilda rosalia rosana
    rosane roseli rosemeire rosilda ruth rute salete samanta samara sarah sara severina severino
    sheila sidnei sidney silvana simao socorro stefany stephanie suzana tais tamires tania tarcisio
    terezinha thais thaisa ulisses valdemar valdir valdirene valeria vania veronica vilma viviane
    waldemar walmir wanda wanderley washington wellington wilma yara yolanda yvonne zoraide
";
