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
";
