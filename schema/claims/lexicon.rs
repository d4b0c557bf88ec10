//! The phrases that cue a statement, its strength, or a rule; folded, Portuguese and English.
//!
//! Owns the lists. Refuses accents and capitals: a folded word has none. Phrases stand apart by
//! `|` and are written in the language of [`Words::matches`](super::words::Words::matches).

use super::evidence::ClaimKind;
use super::rules::CfmRule;

/// What a phrase says of the sentence it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It cues a kind of statement, and weighs so much.
    Kind(ClaimKind, u8),
    /// It is about health.
    Health,
    Hedge,
    Probable,
    /// The effect is denied, wherever in the sentence.
    Denial,
    /// "May be used": leave, not doubt.
    Permission,
    /// What to do, when it begins a sentence.
    Instruction,
    /// One patient's story, or the publication's own business.
    Narrative,
    /// Words that a rule of the CFM forbids, unless something around them allows them.
    Forbidden(CfmRule),
    /// The words around them condemn what is forbidden.
    Warning,
    /// The speaker presents themselves or offers a service.
    Offer,
    /// The piece is an establishment's.
    Establishment,
    /// A medical procedure that is sold.
    Procedure,
}

impl Meaning {
    /// Whether two phrases of these meanings at one place are one.
    pub(super) fn is_kin(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Kind(one, _), Self::Kind(another, _)) => one == another,
            (Self::Forbidden(_), Self::Forbidden(_)) => true,
            _ => self == other,
        }
    }
}

/// Endings of international non-proprietary names (WHO stems), as Portuguese writes them.
pub(super) fn is_drug(word: &str) -> bool {
    const STEMS: [&str; 22] = [
        "prazol",
        "sartana",
        "statina",
        "cilina",
        "micina",
        "floxacino",
        "formina",
        "oxetina",
        "azepam",
        "olol",
        "pril",
        "mabe",
        "tinibe",
        "profeno",
        "gliptina",
        "gliflozina",
        "statin",
        "sartan",
        "cillin",
        "metformin",
        "azole",
        "cycline",
    ];
    word.len() > 6 && STEMS.iter().any(|stem| word.ends_with(stem))
}

use ClaimKind::{
    DiagnosisAccuracy, Mechanism, Prevalence, Prevention, Prognosis, Risk, Safety, Screening,
    TreatmentEfficacy,
};
use Meaning::{
    Denial, Establishment, Forbidden, Health, Hedge, Instruction, Kind, Narrative, Offer,
    Permission, Probable, Procedure, Warning,
};

/// Every phrase, by meaning.
pub(super) const PHRASES: &[(Meaning, &str)] = &[
    (
        Kind(TreatmentEfficacy, 3),
        "trata|tratam|trate|cura|curam|cure|curem|melhora|melhoram|melhore|melhorem|alivia|aliviam
        |alivie|aliviem|eficaz|eficazes|eficacia|ineficaz|efetivo|efetiva|remissao|estabiliza
        |controla|controlam|no controle d*|salva vidas|salvam vidas|prolonga a vida|tratar|curar
        |treats|treat|cures|cure|improves|improve|relieves|relieve|effective|efficacy",
    ),
    (
        Kind(TreatmentEfficacy, 2),
        "reduz|reduzem|reduzir|diminui|diminuem|diminuir|ajude em|ajuda n*|ajudam n*|ajuda a
        |reduces|reduce|lowers|substitui",
    ),
    (
        Kind(TreatmentEfficacy, 6),
        "primeira linha|tratamento de escolha|aumenta a sobrevida|aumentam a sobrevida
        |reduz a mortalidade|reduzem a mortalidade|first line",
    ),
    (
        Kind(Prevention, 4),
        "previne|previnem|prevenir|previna|previnam|evita|evitam|evite|evitar|protege|protegem
        |proteger|proteja|prevents|prevent|protects|profilax*",
    ),
    (
        Kind(Prevention, 6),
        "reduz* ~ risco|diminu* ~ risco|reduz* ~ chance|diminu* ~ chance|reduces ~ risk
        |reduce ~ risk|lowers ~ risk|lower ~ risk|protect* against",
    ),
    (
        Kind(Risk, 3),
        "causa|causam|cause|causem|causar|causou|provoca|provocam|provoque|provocar|leva a|leva ao
        |levam a|associado a|associada a|associado ao|associados a|faz mal|fazem mal|causes
        |linked to|associated with|leads to|elevar a pressao|eleva a pressao",
    ),
    (
        Kind(Risk, 6),
        "aument* ~ risco|aument* ~ chance|fator de risco|fatores de risco|eleva* ~ risco
        |increases ~ risk|increase ~ risk|risk factor*|raises ~ risk",
    ),
    (
        Kind(Safety, 7),
        "efeito colateral|efeitos colaterais|efeito adverso|efeitos adversos|reacao adversa
        |reacoes adversas|reacao alergica|contraindicad*|contraindicac*|side effect*
        |adverse effect*|contraindicated|interage|interagem|nao tem risco|toxico|toxica
        |toxicidade|toxic",
    ),
    (
        Kind(Safety, 4),
        "seguro|segura|seguros|seguras|com seguranca|e segura|sem risco*|safe|unsafe",
    ),
    (
        Kind(Prevalence, 6),
        "prevalencia|incidencia|em cada|casos por|causa de morte|quantas pessoas|prevalence
        |incidence|one in|por cento da*|% da*|% do*|% das|cases per",
    ),
    (
        Kind(Prevalence, 4),
        "atinge|atingem|afeta|afetam|mais comum|mais comuns|mais frequente|rara|raro|raras|raros
        |dobrou|triplicou|affects|affect|more common",
    ),
    (
        Kind(DiagnosisAccuracy, 6),
        "sensibilidade|especificidade|acuracia|valor preditivo|padrao ouro|confirma o diagnostico
        |confirmam o diagnostico|detecta|detectam|sensitivity|specificity|accuracy|gold standard
        |detects|diagnostica|diagnosticam|predictive value|exclui",
    ),
    (
        Kind(Screening, 9),
        "rastreamento|rastreio|check up|teste do pezinho|exame preventivo|detecta precocemente
        |screening",
    ),
    (
        Kind(Prognosis, 5),
        "sobrevida|prognostico|letalidade|expectativa de vida|recidiva|recuperacao|recupera
        |recuperam|evolui|evoluem|survival|prognosis|life expectancy|recover|recovery",
    ),
    (
        Kind(Mechanism, 5),
        "bloqueia|bloqueiam|inibe|inibem|inibicao|estimula|estimulam|mecanismo de acao|age|agem
        |atua|atuam|relaxa|inhibits|inhibit|blocks|binds to|mechanism of action|receptor*|modular",
    ),
    (
        Health,
        "pacient*|glicemia|colesterol|pressao arterial|dor|dores|sintoma*|mortalidade|vacina*
        |antibiotico*|remedio*|tratamento*|terapia*|cirurgia*|exercicio*|atividade fisica|dieta
        |vitamina*|suplement*|quimioterapia|infec*|virus|bacter*|gestant*|gravidez|idoso*|bebe*
        |mulheres|homens|figado|rim|rins|pulmao|coracao|estomago|cerebro|pele|sono|insonia|gripe
        |resfriado*|diarreia|tosse|alergi*|hormon*|saude|teste rapido|teste de*|exame*|tomografia
        |ressonancia|mosquito|feto|sedentarismo|cegueira|imunossuprimid*|penicilina|lipoaspiracao
        |implante*|medicament*|anti inflamatori*|estatina*|aspirina|insulina|quedas|recem nascidos
        |hemodialise|vida|vidas|musculares|bronquios|colonoscopia|mamografia|papanicolau|lesoes
        |hemograma|cardiac*|disease*|patient*|vaccin*|blood pressure|pain|symptom*|drug*|infant*
        |mortality|cancer*|risk of*|pregnan*|antiviral|broncodilatador*|doenca*|morte*
        |receptor da|serotonina|parkinson|picada*|trombose|omega",
    ),
    (
        Hedge,
        "pode|podem|poderia|poderiam|talvez|possivelmente|sugere|sugerem|parece|parecem
        |alguns estudos|estudos pequenos|may|might|could|possibly|suggest|suggests|appears|seems",
    ),
    (
        Probable,
        "provavelmente|geralmente|em geral|costuma|costumam|tende a|tendem a|na maioria|a maioria
        |frequentemente|normalmente|quase sempre|usually|generally|likely|often|probably|tends to",
    ),
    (
        Denial,
        "nao ha evidencia*|sem evidencia de|ineficaz*|nao traz* beneficio*|nao existe|nao existem
        |no evidence|does not|do not|nao ocorre",
    ),
    (
        Permission,
        "pode ser usad* com seguranca|podem ser usad* com seguranca",
    ),
    (
        Instruction,
        "tome|traga|marque|procure|converse|meca|leia|anote|guarde|lave bem|clique|ligue|agende
        |evite|use|faca|veja|confira|prescrevo|manter|consulte|take|call|ask|see|desconfie|participe
        |quem pode|conduta|venha|conheca|fazemos|oferecemos|temos|entre",
    ),
    (
        Narrative,
        "a paciente relata|o paciente relata|foi internad*|recebeu alta|queixa*|refere|nega
        |este artigo
        |os autores|foi operad*|este caso|o hospital|o ambulatorio|o congresso|a campanha
        |o projeto|o livro|o texto|o plano cobre|o curso|o medico pediu|nossa equipe|a consulta",
    ),
    (
        Forbidden(CfmRule::GuaranteeOfResults),
        "resultado garantido|resultados garantidos|garantimos a cura|garantimos resultado*
        |garantimos o resultado|garanto a cura|garanto o resultado|100 % garantido
        |sucesso garantido|cura garantida|prometemos resultado*|prometo resultado*
        |satisfacao garantida
        |garantia de resultado*|guaranteed result*|resultados definitivos garantidos
        |cura definitiva",
    ),
    (
        Forbidden(CfmRule::SelfPromotion),
        "o melhor cirurgi*|a melhor cirurgi*|o melhor medico|a melhor medica|a melhor clinica
        |o melhor hospital|o melhor especialista|a melhor equipe|o melhor dermatologista
        |o numero 1|o numero 1 d* brasil|a numero 1|numero um d*|lider absolut*|mais renomad*
        |mais conceituad*|mais respeitad*|referencia absoluta|maior especialista|XX
        |best surgeon|the best surgeon|best doctor|the best doctor|best clinic|the best clinic
        |incomparavel|insuperavel",
    ),
    (
        Forbidden(CfmRule::AwardsAndRankings),
        "medico do ano|medica do ano|premio de melhor *|os * melhores medicos|melhores medicos
        |top 10 medicos|destaque do ano|clinica do ano",
    ),
    (
        Forbidden(CfmRule::Sensationalism),
        "tratamento revolucionario|metodo revolucionario|tecnica revolucionaria
        |procedimento revolucionario|metodo milagroso|cura milagrosa|tratamento milagroso
        |remedio milagroso|dieta milagrosa|o segredo que os medicos nao contam
        |o que os medicos nao contam|nao vai acreditar|resultado chocante|miracle cure
        |revolutionary treatment|formula magica",
    ),
    (
        Forbidden(CfmRule::UnprovenMethod),
        "ozonioterapia|auto hemoterapia|autohemoterapia|biorressonancia|terapia quantica
        |medicina quantica|modulacao hormonal|soroterapia|chip da beleza|constelacao familiar
        |iridologia|detox ionico",
    ),
    (
        Forbidden(CfmRule::BeforeAfter),
        "antes e depois|before and after",
    ),
    (
        Forbidden(CfmRule::EquipmentPrivilege),
        "o laser mais moderno|laser mais moderno|aparelho mais moderno|equipamento mais moderno
        |o aparelho mais moderno|o equipamento mais moderno|aparelho exclusivo|equipamento exclusivo
        |laser exclusivo|tecnologia exclusiva|tecnologia unica|aparelho unico|equipamento unico",
    ),
    (
        Forbidden(CfmRule::ExclusiveTechnique),
        "tecnica exclusiva|metodo exclusivo|protocolo exclusivo|procedimento exclusivo",
    ),
    (
        Forbidden(CfmRule::UnregisteredProduct),
        "sem registro na anvisa|sem registro da anvisa|nao registrado na anvisa",
    ),
    (
        Forbidden(CfmRule::ProductEndorsement),
        "aprovad* por medicos|recomendad* por medicos|recomendo o suplemento|recomendo este produto
        |recomendo a marca|selo de qualidade medica",
    ),
    (
        Forbidden(CfmRule::TiedSale),
        "ganhe um *|ganhe uma *|leve * e pague *|leve * pague *|sorteio|consorcio|indique um amigo
        |indique uma amiga|pacote promocional|combo de *|brinde",
    ),
    (
        Forbidden(CfmRule::FreeService),
        "avaliacao gratuita|avaliacao gratis|consulta gratis|consulta gratuita|consultas gratuitas
        |procedimento gratuito|free consultation",
    ),
    (
        Forbidden(CfmRule::Testimonial),
        "mudou a minha vida|mudou minha vida|salvou a minha vida|salvou minha vida
        |melhor medico que ja conheci|melhor medica que ja conheci|recomendo de olhos fechados",
    ),
    (
        Forbidden(CfmRule::LiveProcedure),
        "cirurgia ao vivo|procedimento ao vivo|operacao ao vivo|live surgery",
    ),
    (
        Forbidden(CfmRule::SpecialtyWithoutRqe),
        "especialista em *|dermatologista|cardiologista|ginecologista|ortopedista|endocrinologista
        |urologista|psiquiatra|pediatra|oftalmologista|neurologista|cirurgiao plastico
        |cirurgia plastica|oncologista|geriatra|reumatologista|otorrinolaringologista",
    ),
    (
        Forbidden(CfmRule::PostgraduateWithoutNotice),
        "pos graduad* em *|pos graduacao em *|mestre em *|doutor em *|doutora em *",
    ),
    (
        Forbidden(CfmRule::OrganWithoutRqe),
        "trato doencas d* *|tratamos doencas d* *|cuido de doencas d* *|trato problemas d* *",
    ),
    (
        Warning,
        "nenhum|nenhuma|nao pode|nao podem|desconfie|proibido|proibida|vedado|vedada|cuidado com
        |ninguem|nao prometa|nao ha|nao existe|nunca|denuncie",
    ),
    (
        Offer,
        "sou|atendo|atendemos|agende|marque|crm|trato|tratamos|nossa clinica|venha conhecer",
    ),
    (
        Establishment,
        "clinica|hospital|laboratorio|diretor tecnico|diretora tecnica|nossa equipe|nosso hospital",
    ),
    (
        Procedure,
        "botox|toxina|preenchimento|lipo*|cirurgia*|rinoplastia|implante*|harmonizacao|peeling
        |laser|protese*|bichectomia|mamoplastia|bioestimulador*",
    ),
];
