//! The words the rules know, Portuguese and English, folded and by meaning.
//!
//! Owns the lists and nothing else. Refuses accents, capitals and words longer than sixteen
//! letters: a folded word has none. A word may stand in several groups; its meanings add up.
//! English is here for Brazilian identifiers in English prose, not for another country's.

use super::words::Traits;

/// Names of the months and their abbreviations, in both languages.
pub(super) const MONTHS: [&str; 12] = [
    "janeiro jan january",
    "fevereiro fev february feb",
    "marco mar march",
    "abril abr april apr",
    "maio mai may",
    "junho jun june",
    "julho jul july",
    "agosto ago august aug",
    "setembro set september sep sept",
    "outubro out october oct",
    "novembro nov november",
    "dezembro dez december dec",
];

/// Every list, by meaning.
pub(super) const WORDS: &[(Traits, &str)] = &[
    (Traits::CPF, "cpf cic"),
    (Traits::RG, "rg identidade identity"),
    (Traits::CNPJ, "cnpj cgc"),
    (Traits::CNS, "cns sus cartao carteirinha card"),
    (
        Traits::PHONE,
        "telefone telefones tel fone fones celular celulares cel whatsapp whats zap contato
        ramal ligar ligue liga recado fax phone telephone mobile cell call",
    ),
    (
        Traits::RECORD,
        "prontuario pront atendimento internacao matricula same mrn",
    ),
    (Traits::REGISTRY, "registro reg record chart admission"),
    (
        Traits::CRM,
        "crm cremesp cremerj cremers cremeb cremepe cremego cremesc cremec crmmg crmpr",
    ),
    (
        Traits::BIRTH,
        "nascido nascida nascidos nascidas nascimento nasceu nasci nasc dn dtnasc born birth
        birthdate dob",
    ),
    (
        Traits::TITLE,
        "sr sra srta srs sras dr dra drs dras prof profa senhor senhora doutor doutora dona
        enf enfa enfermeiro enfermeira mr mrs ms miss doctor nurse",
    ),
    (
        Traits::PROFESSIONAL,
        "dr dra drs dras prof profa doutor doutora enf enfa enfermeiro enfermeira medico medica
        doctor nurse physician autor autora",
    ),
    (
        Traits::PERSON.with(Traits::PROFESSIONAL),
        "cardiologista infectologista pediatra neurologista psiquiatra oncologista geriatra
        ginecologista obstetra dermatologista urologista ortopedista cirurgiao cirurgia
        endocrinologista pneumologista nefrologista reumatologista psicologo psicologa
        nutricionista farmaceutico farmaceutica fisioterapeuta dentista",
    ),
    (
        Traits::PERSON,
        "paciente pcte mae pai filho filha irmao irma esposa esposo marido conjuge companheiro
        companheira responsavel acompanhante genitora genitor cuidador cuidadora solicitante
        medico medica gestante parturiente residente beneficiario beneficiaria titular usuario
        usuaria testemunha assinado atendido atendida internado internada leitor leitora
        entrevistado entrevistada morador moradora vizinho vizinha autor autora familiar
        relatou contou afirmou disse explicou revelou agradecemos agradeco consulta caso
        entrevista patient mother father son daughter wife husband sister brother reader physician",
    ),
    (
        Traits::NAME,
        "nome nomes chamado chamada sou chamo name named called",
    ),
    (Traits::CONNECTOR, "de da do das dos e del di van von"),
    (
        Traits::FILLER,
        "a o as os em no na dia data sob com portador portadora inscrito inscrita e de da do das
        dos completo completa social civil ao aos por pelo pela hospitalar geral ambulatorial
        carteira cedula documento mail email endereco eletronico nacional saude ssp detran ssppr
        registrado registrada identificado identificada chama se cadastro fisica pessoa local
        medico medica paciente natural seu sua sendo foi id the of is was on at in full legal
        her his their patient medical hospital date td tr",
    ),
    (Traits::NUMBER, "n no nr num numero numeros nro number"),
    (
        Traits::PLACE,
        "hospital clinica instituto universidade faculdade fundacao santa casa
        bairro cidade estado municipio ministerio secretaria
        conselho sociedade associacao federacao laboratorio laboratorios farmacia upa ubs posto
        unidade centro colegio escola editora revista departamento servico programa projeto lei
        resolucao decreto portaria edificio condominio vila jardim parque empresa ltda grupo
        agencia organizacao biblioteca academia maternidade ambulatorio pronto
        clinic university institute department company street avenue",
    ),
    (
        Traits::PLACE.with(Traits::STREET),
        "rua avenida av praca rodovia travessa trav alameda estrada largo viela beco sqn sqs shis
        shin qnm qnn",
    ),
    (Traits::CEP, "cep zip postal"),
    (
        Traits::RESIDES,
        "endereco reside residente residencia mora moro morador moradora domiciliado domiciliada
        domicilio logradouro address lives living resides residing",
    ),
    (
        Traits::COMPLEMENT,
        "apto apartamento ap bloco bl casa conjunto conj sala lote quadra km fundos andar torre
        sobrado loja apt unit block suite",
    ),
    (
        Traits::MONTH,
        "janeiro fevereiro marco abril maio junho julho agosto setembro outubro novembro dezembro
        jan fev mar abr mai jun jul ago set out nov dez january february march april may june
        july august september october november december feb apr aug sep sept oct dec",
    ),
    (
        Traits::STATE,
        "ac al ap am ba ce df es go ma mt ms mg pa pb pr pe pi rj rn rs ro rr sc sp se to",
    ),
    (Traits::GIVEN, super::given::GIVEN_NAMES),
    (Traits::HEALTH, HEALTH),
    (Traits::CONDITION, super::conditions::CONDITIONS),
    (Traits::CONDITION_HEAD, super::conditions::HEADS),
    (Traits::QUALIFIER, super::conditions::QUALIFIERS),
    (Traits::DISEASE_CODE, "cid icd"),
    (Traits::QUEUE, "senha protocolo horario central"),
    (Traits::COMMON, COMMON),
];

/// Words for examinations and treatments, beside those for conditions.
const HEALTH: &str = "
    cid diagnostico diagnosticada diagnosticado dor exame exames biopsia tomografia ressonancia
    hemograma glicemia laudo receita prescricao medicamento insulina metformina losartana
    quimioterapia radioterapia cirurgia transplante hemodialise uti sintomas tratamento terapia
    gestacao gravidez gravida aborto internacao alta suicidio dependencia insuficiencia doenca
    sindrome transtorno febre diagnosis diagnosed treatment surgery biopsy chemotherapy pregnancy
    pregnant discharged disease syndrome disorder icd
";

/// Words that are written with a capital and are no part of a name.
const COMMON: &str = "
    ele ela eles elas este esta esse essa isto isso aquele aquela um uma uns umas que quem
    qual como quando onde porque mas ou nem nao sim ja ainda hoje ontem amanha para sem sobre
    entre apos antes durante segundo conforme tambem todo toda todos todas cada outro outra
    brasil brasileiro brasileira idoso idosa adulto adulta crianca criancas masculino
    feminino sexo idade anos endereco cep bairro data hora motivo queixa historia conduta
    evolucao resultado resultados conclusao introducao metodos discussao referencias objetivo
    tipo grau fase estagio leito quarto sala setor convenio plano comercial fantasia
    cientifico generico popular critico grave cronico cronica agudo aguda estavel renal
    cardiaco oncologico pediatrico cirurgico ambulatorial internado vitimas informacoes
    telefone celular observacao observacoes segunda terca quarta quinta sexta sabado domingo
    federal estadual municipal publico publica deus lgpd anvisa cfm ans oms pubmed scielo
    encaminhei atendi avaliei examinei conversei solicitei orientei medicamos internamos relata
    refere nega apresenta procurou compareceu recebeu faz fez tem tinha deve pode seguro segura
    the he she they we our this that these those there it for with from and or but not yes
    when where who what which after before during if while by an are were has have had its my
    your all both each other some many most more male female adult child woman women man men
    boy girl year years old day time report study results conclusion introduction methods
    background objective discussion monday tuesday wednesday thursday friday saturday sunday
    brazil brazilian please send published ward bed safety goals code chronic acute type
    servidor servidora nossa nosso minha meu favor bom boa oi ola prezado prezada
    atenciosamente declaro atesto
";
